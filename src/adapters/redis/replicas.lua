-- Says that this replica is here, and counts those that are.
--
-- KEYS[1]  the replicas: a sorted set, scored by when each was last heard of, seconds
-- KEYS[2]  whether somebody looks at the fleet (look.lua)
-- KEYS[3]  requests that are looked for (look.lua)
-- ARGV[1]  this replica's name
-- ARGV[2]  after how many seconds of silence a replica no longer counts
-- ARGV[3]  1: it is leaving
-- ARGV[4]  for how many seconds a request is looked for
-- Returns  how many replicas there are, without one that leaves; 1 where somebody looks; which requests are looked for
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
if not redis.call('GET', KEYS[2]) then return { redis.call('ZCARD', KEYS[1]), 0, {} } end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - tonumber(ARGV[4]))
return { redis.call('ZCARD', KEYS[1]), 1, redis.call('ZRANGE', KEYS[3], 0, -1) }
