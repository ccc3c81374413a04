--[[
Deletes a user, which ends all its tokens, and tells all replicas.

KEYS[1]  the users, a hash of "<version>\n<JSON>" by name
ARGV[1]  the user's name
ARGV[2]  the channel of revocations
ARGV[3]  the message: "user <name>"

Returns 1, or 0 when there is no such user.
--]]
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.pcall('PUBLISH', ARGV[2], ARGV[3]) -- As in drop-token.lua.
return 1
