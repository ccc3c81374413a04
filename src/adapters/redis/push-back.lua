-- Pushes a bucket back: no slot opens before a while has passed. The arithmetic of src/admission/rate/slots.ts.
--
-- KEYS[1]  the bucket, as in reserve.lua: its tat, and what stays as it is
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
local tat, rest = string.match(stored, '^(%S+) (%d.*)$')
tat = tonumber(tat or stored) or -1e18
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
local furthest = now + tau + 2 * (replicas * interval + horizon)
if tat > furthest + jump then tat = furthest end
local pushed = math.max(tat, now + tau + by)

-- The key lives as in reserve.lua: until the bucket is full again, tau and a second more.
local lifeMs = math.ceil((pushed - now + tau) / 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.17g', pushed) .. ' ' .. (rest or '0'), 'PX', string.format('%d', lifeMs))
