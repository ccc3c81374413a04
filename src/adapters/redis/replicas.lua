-- Says that this replica is here, and counts those that are.
--
-- KEYS[1]  the replicas: a sorted set, scored by when each was last heard of, seconds
-- KEYS[2]  whether somebody looks at the fleet (look.lua)
-- ARGV[1]  this replica's name
-- ARGV[2]  after how many seconds of silence a replica no longer counts
-- ARGV[3]  1: it is leaving
-- Returns  how many replicas there are, without one that leaves, and 1 where somebody looks
local now = tonumber(redis.call('TIME')[1])
if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
-- Heard of in the future: the clock was set back. Whoever is alive says so again within a beat.
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 1, '+inf')
redis.call('EXPIRE', KEYS[1], 2 * tonumber(ARGV[2]))
return { redis.call('ZCARD', KEYS[1]), redis.call('GET', KEYS[2]) and 1 or 0 }
