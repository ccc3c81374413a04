--[[
Ends a token and tells all replicas. Told again, where the token had ended already: that does no harm.

KEYS[1]  the token: "<version>\n<expires at, ms>\n<role>\n<user name>"
ARGV[1]  the channel of revocations
ARGV[2]  the message: "token <digest>"
ARGV[3]  its digest
ARGV[4]  what the keys of users' tokens begin with (add-token.lua); the user's name follows, in the same slot
--]]
local token = redis.call('GET', KEYS[1])
local name = token and string.match(token, '^[^\n]*\n[^\n]*\n[^\n]*\n(.*)$')
if name then
  redis.call('ZREM', ARGV[4] .. name, ARGV[3])
end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[1], ARGV[2]) -- Without the right to publish it ends all the same: the caches ask again in time.
