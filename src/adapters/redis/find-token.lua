--[[
Whose token it is, provided that its user is still of the version that it was given to.
An ended one is removed; one that expired is gone already.

KEYS[1]  the token: "<version>\n<expires at, ms>\n<role>\n<user name>"
KEYS[2]  the users, a hash of "<version>\n<JSON>" by name
(no ARGV)

Returns the token as stored, or nil.
--]]
local token = redis.call('GET', KEYS[1])
if not token then
  return nil
end
local version, name = string.match(token, '^([^\n]*\n)[^\n]*\n[^\n]*\n(.*)$')
local user = name and redis.call('HGET', KEYS[2], name)
if user and string.sub(user, 1, #version) == version then
  return token
end
redis.call('DEL', KEYS[1])
return nil
