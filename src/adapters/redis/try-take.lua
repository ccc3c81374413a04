-- Takes one token from a narrow bucket, if there is one now: the arithmetic of `tryTake` in src/admission/rate/slots.ts.
--
-- KEYS[1]  the bucket: its tat as text, microseconds since the epoch of reserve.lua
-- ARGV[1]  interval T between tokens, microseconds (fractions allowed)
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  lead: how long the reply may take, microseconds
-- ARGV[4]  floor: how far ahead of now tat is by what the replica knows, microseconds
-- ARGV[5]  a tat this much further ahead than takers can have put it comes from a clock that was set back, microseconds
-- ARGV[6]  now, microseconds since the epoch of reserve.lua: for tests only, absent in production
-- Returns  { 1 if it was taken, first TAT - now as text: of the token, or of the one that would be next }
local interval, tau, lead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local floor, jump = tonumber(ARGV[4]), tonumber(ARGV[5])
local now
if ARGV[6] then
  now = tonumber(ARGV[6])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end
local tat = tonumber(redis.call('GET', KEYS[1]) or '') or -1e18
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
if tat - now > tau + interval + jump then tat = now + tau + interval end
local ahead = math.max(tat - now, floor)
if ahead > tau then
  return { 0, string.format('%.17g', ahead) }
end
local first = math.max(ahead, math.min(lead, tau))
-- Once tat has passed the bucket is full, and no key says the same. The second more is for clocks that jump.
local lifeMs = math.ceil((first + interval) / 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.17g', now + first + interval), 'PX', string.format('%d', lifeMs))
return { 1, string.format('%.17g', first) }
