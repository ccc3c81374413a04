--[[
Stores a token for as long as it lives, provided that its user is still as it was read.

KEYS[1]  the token
KEYS[2]  the users, a hash of "<version>\n<JSON>" by name
ARGV[1]  the user's name
ARGV[2]  the version that was read
ARGV[3]  the token's value: "<version>\n<expires at, ms>\n<role>\n<user name>"
ARGV[4]  its lifetime, milliseconds, 1 or more

Returns 1, or 0 when the user was changed or deleted meanwhile.
--]]
local user = redis.call('HGET', KEYS[2], ARGV[1])
if not user or string.sub(user, 1, #ARGV[2] + 1) ~= ARGV[2] .. '\n' then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
