--[[
Keeps the logout of an identity provider's token for as long as the token would be valid, and tells all replicas.

KEYS[1]  the token's mark
ARGV[1]  for how long, milliseconds, 1 or more
ARGV[2]  the channel of revocations
ARGV[3]  the message: "token <digest>"
--]]
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3]) -- As in drop-token.lua.
