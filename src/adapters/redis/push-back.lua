-- Pushes a bucket back: no slot opens before a while has passed. The arithmetic of src/admission/rate/slots.ts.
--
-- KEYS[1]  the bucket, as in reserve.lua
-- ARGV[1]  interval T between slots, microseconds (fractions allowed)
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  by how much, microseconds; the caller keeps to the most that is allowed
-- ARGV[4]  horizon, microseconds
-- ARGV[5]  how many replicas share the bucket, 1 or more
-- ARGV[6]  a tat this much further ahead than demand can have put it comes from a clock that jumped, microseconds
-- ARGV[7]  now, microseconds since the epoch of reserve.lua: for tests only, absent in production
local interval, tau, by = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local horizon, replicas, jump = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local now
if ARGV[7] then
  now = tonumber(ARGV[7])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end

local stored = redis.call('GET', KEYS[1]) or ''
local form = '^(%S+) (%d+) ?(%d*) ?(%S*) ?(%S*) ?(%S*)$'
local tat, given, most, mostUntil, was, reach = string.match(stored, form)
tat = tonumber(tat or stored) or -1e18
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
was, reach = tonumber(was) or interval, tonumber(reach) or tau
if not (was > 0 and was < 1e15) then was = interval end
if not (reach >= 0 and reach < 1e15) then reach = tau end
local furthest = now + reach + 2 * (replicas * was + horizon)
if tat > furthest + jump then tat = furthest end
if was ~= interval then
  if tat > now then tat = now + (tat - now) * interval / was end
  reach = reach * interval / was
end
local pushed = math.max(tat, now + tau + by)
reach = math.max(tau, math.min(reach, pushed - now))

-- The key lives as in reserve.lua: until the bucket is full again, tau and a second more.
local lifeMs = math.ceil((pushed - now + tau) / 1000) + 1000
local counted = string.format('%s %s %s', given or '0', (most or '') ~= '' and most or '0', tonumber(mostUntil) or -1e18)
local value = string.format('%.17g %s %.17g %.17g', pushed, counted, interval, reach)
redis.call('SET', KEYS[1], value, 'PX', string.format('%d', lifeMs))
