--[[
Replaces a user, provided that it is still as it was read. A value with another version ends all tokens of the old one.

KEYS[1]  the users, a hash of "<version>\n<JSON>" by name
ARGV[1]  the user's name
ARGV[2]  the version that was read
ARGV[3]  the new value: "<version>\n<JSON>"

Returns 1, or 0 when the user was changed or deleted meanwhile.
--]]
local user = redis.call('HGET', KEYS[1], ARGV[1])
if not user or string.sub(user, 1, #ARGV[2] + 1) ~= ARGV[2] .. '\n' then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
