-- One slot of a token bucket (GCRA): returns how long to wait for it, microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = 1000000 / tonumber(ARGV[1])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
redis.call('SET', KEYS[1], string.format('%.0f', tat + interval), 'PX', 60000)
return math.max(0, math.ceil(tat - interval * (tonumber(ARGV[2]) - 1) - now))
