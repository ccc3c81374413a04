-- Takes slots from a bucket: the arithmetic of src/model/slots.ts, on Redis's own clock.
--
-- KEYS[1]  the bucket: its tat, microseconds since the epoch below, as text
-- ARGV[1]  interval T between slots, microseconds (fractions allowed)
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  how many slots the replica wants, 1 or more
-- ARGV[4]  lead: how long the reply may take, microseconds
-- ARGV[5]  horizon, microseconds
-- ARGV[6]  how many replicas share the bucket, 1 or more
-- ARGV[7]  a tat this much further ahead than demand can have put it comes from a clock that jumped, microseconds
-- ARGV[8]  floor: how far ahead of now tat is by what the replica knows or used on its own, microseconds
-- ARGV[9]  now, microseconds since the epoch below: for tests only, absent in production
-- Returns  { count, first TAT - now } ; the delay as text, since a Lua number in a reply is cut to an integer
--
-- The epoch is 2026-01-01: smaller numbers leave a double more digits below the microsecond.
local interval, tau, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lead, horizon, replicas, jump = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local floor = tonumber(ARGV[8])
local now
if ARGV[9] then
  now = tonumber(ARGV[9])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end

local never = -1e18
local tat = tonumber(redis.call('GET', KEYS[1]) or never) or never
if tat ~= tat then tat = never end -- The text "nan" is a number to Lua.
local furthest = now + tau + 2 * (replicas * interval + horizon)
if tat > furthest + jump then tat = furthest end
local first = math.max(tat, now + floor, now + math.min(lead, tau))
local open = math.max(0, math.floor((now + tau - first) / interval) + 1)
local share = math.max(1, math.floor(horizon / interval / replicas), math.ceil(open / replicas))
local count = math.max(1, math.min(want, share))
local following = first + count * interval

-- Once tat has passed the bucket is full, and no key says the same. The second more is for clocks that jump.
local lifeMs = math.ceil((following - now + tau) / 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.17g', following), 'PX', string.format('%d', lifeMs))
return { count, string.format('%.17g', first - now) }
