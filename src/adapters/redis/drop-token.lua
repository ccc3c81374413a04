--[[
Ends a token and tells all replicas. Told again, where the token had ended already: that does no harm.

KEYS[1]  the token
ARGV[1]  the channel of revocations
ARGV[2]  the message: "token <digest>"
--]]
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[1], ARGV[2]) -- A user who may not publish may change all the same: memories end by time.
