-- Takes tokens from a narrow bucket, if there are as many now: the arithmetic of `tryTake` in src/admission/rate/slots.ts, and
-- of lows.ts.
--
-- KEYS[1]  the bucket, as text: its tat, microseconds since the epoch of reserve.lua; where answers settle what was taken, how
--          much has been given back, microseconds of its rate: by so much less counts what replicas know from before; and its
--          low points, a mark and a number each
-- ARGV[1]  interval T between tokens, microseconds (fractions allowed)
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  how many tokens, 1 to burst
-- ARGV[4]  lead: how long the reply may take, microseconds
-- ARGV[5]  1: an answer will settle what is taken
-- ARGV[6]  floor: how far ahead of now tat is by what the replica knows, microseconds
-- ARGV[7]  how much had been given back by then, microseconds
-- ARGV[8]  how far ahead of now takers and answers can have put tat, microseconds
-- ARGV[9]  a tat this much further ahead than that comes from a clock that was set back, microseconds
-- ARGV[10] now, microseconds since the epoch of reserve.lua: for tests only, absent in production
-- Returns  { 1 if they were taken, first TAT - now: of the tokens, or of those that would be next; how much has been given
--          back; the mark of the take, or 0 } ; the latter three as text
local interval, tau, count, lead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local floor, told, furthest, jump = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local now
if ARGV[10] then
  now = tonumber(ARGV[10])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end
local tat, back, lows = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) ?(%S*) ?(.*)$')
tat, back = tonumber(tat or '') or -1e18, tonumber(back or '') or 0
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
if not (back >= 0) then back = 0 end
if tat - now > furthest + jump then tat = now + furthest end
local ahead = math.max(tat - now, floor - math.max(0, back - told))
local span = (count - 1) * interval
if ahead + span > tau then
  return { 0, string.format('%.17g', ahead), string.format('%.3f', back), '0' }
end
local first = math.max(ahead, math.min(lead, tau - span))
-- Once tat has passed the bucket is full, and no key says the same. The second more is for clocks that jump.
local lifeMs = math.ceil((first + count * interval) / 1000) + 1000
local value = string.format('%.17g', now + first + count * interval)
local mark = 0
if ARGV[5] == '1' then
  local lowest, kept = math.max(0, ahead - math.min(lead, tau - span)), {}
  for of, low in string.gmatch(lows or '', '(%S+) (%S+)') do
    mark = tonumber(of)
    if tonumber(low) < lowest then kept[#kept + 1] = { mark, tonumber(low) } end
  end
  mark = math.max(now, mark + 1)
  kept[#kept + 1] = { mark, lowest }
  if #kept > 16 then
    local at, least = 1, math.huge
    for i = 1, #kept - 1 do
      local apart = kept[i + 1][2] - kept[i][2]
      if apart < least then at, least = i, apart end
    end
    kept[at + 1][2] = kept[at][2]
    table.remove(kept, at)
  end
  for i, low in ipairs(kept) do kept[i] = string.format('%.0f %.3f', low[1], low[2]) end
  value = value .. string.format(' %.3f ', back) .. table.concat(kept, ' ')
  lifeMs = math.max(lifeMs, redis.call('PTTL', KEYS[1])) -- As in settle.lua.
end
redis.call('SET', KEYS[1], value, 'PX', string.format('%d', lifeMs))
return { 1, string.format('%.17g', first), string.format('%.3f', back), string.format('%.0f', mark) }
