--[[
Replaces a user, provided that it is still as it was read. A value with another version ends all tokens of the old one,
and all replicas are told.

KEYS[1]  the users, a hash of "<version>\n<JSON>" by name
ARGV[1]  the user's name
ARGV[2]  the version that was read
ARGV[3]  the new value: "<version>\n<JSON>"
ARGV[4]  the channel of revocations
ARGV[5]  the message: "user <name>"

Returns 1, or 0 when the user was changed or deleted meanwhile.
--]]
local same = ARGV[2] .. '\n'
local user = redis.call('HGET', KEYS[1], ARGV[1])
if not user or string.sub(user, 1, #same) ~= same then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if string.sub(ARGV[3], 1, #same) ~= same then
  redis.pcall('PUBLISH', ARGV[4], ARGV[5]) -- As in drop-token.lua.
end
return 1
