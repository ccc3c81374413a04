-- Says that somebody looks at the fleet: replicas tell of themselves with their next beats.
--
-- KEYS[1]  the replicas: a sorted set (replicas.lua)
-- KEYS[2]  whether somebody looks
-- KEYS[3]  requests that are looked for: a sorted set of their X-Request-Ids, scored by when each was asked for, seconds
-- ARGV[1]  for how many seconds that holds
-- ARGV[2]  the X-Request-Id of one that is looked for; empty: none
-- ARGV[3]  how many are looked for at a time; those that were asked for longest ago make room
-- Returns  whether somebody did already, and the names of all replicas
local looked = redis.call('GET', KEYS[2]) and 1 or 0
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
if ARGV[2] ~= '' then
  redis.call('ZADD', KEYS[3], redis.call('TIME')[1], ARGV[2])
  for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -ARGV[3] - 1)) do redis.call('ZREM', KEYS[3], id) end
  redis.call('EXPIRE', KEYS[3], ARGV[1])
end
return { looked, redis.call('ZRANGE', KEYS[1], 0, -1) }
