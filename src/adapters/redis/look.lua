-- Says that somebody looks at the fleet: replicas tell of themselves with their next beats.
--
-- KEYS[1]  the replicas: a sorted set (replicas.lua)
-- KEYS[2]  whether somebody looks
-- ARGV[1]  for how many seconds that holds
-- Returns  whether somebody did already, and the names of all replicas
local looked = redis.call('GET', KEYS[2]) and 1 or 0
redis.call('SET', KEYS[2], '1', 'EX', ARGV[1])
return { looked, redis.call('ZRANGE', KEYS[1], 0, -1) }
