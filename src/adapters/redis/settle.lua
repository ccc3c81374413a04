-- Settles what was taken of a narrow bucket: the arithmetic of src/admission/rate/slots.ts (`overdrawn`) and lows.ts.
--
-- KEYS[1]  the bucket, as in try-take.lua
-- ARGV[1]  so much more was used, microseconds of the rate; negative: so much less
-- ARGV[2]  the mark of the take
-- ARGV[3]  floor: how far ahead of now tat is by what the replica knows, microseconds
-- ARGV[4]  how much had been given back of it by then, microseconds
-- ARGV[5]  how far ahead of now takers and answers can have put tat, microseconds
-- ARGV[6]  a tat this much further ahead than that comes from a clock that was set back, microseconds
-- ARGV[7]  now, microseconds since the epoch of reserve.lua: for tests only, absent in production
-- Returns  { tat - now, how much has been given back } ; both as text
local by, mark, floor, told = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local furthest, jump = tonumber(ARGV[5]), tonumber(ARGV[6])
local now
if ARGV[7] then
  now = tonumber(ARGV[7])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end
local tat, back, lows = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) ?(%S*) ?(.*)$')
tat, back = tonumber(tat or '') or -1e18, tonumber(back or '') or 0
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
if not (back >= 0) then back = 0 end
local ahead = tat - now
if ahead > furthest + jump then ahead = furthest end
ahead = math.max(ahead, floor - math.max(0, back - told))
local kept = {}
if by > 0 then
  ahead = math.min(math.max(ahead, 0) + by, furthest)
  if lows then kept = { lows } end
elseif ahead > 0 then
  local most, first = math.min(-by, ahead), true
  for of, low in string.gmatch(lows or '', '(%S+) (%S+)') do
    if first and tonumber(of) > mark then
      most, first = math.min(most, tonumber(low)), false
    end
  end
  for of, low in string.gmatch(lows or '', '(%S+) (%S+)') do
    kept[#kept + 1] = string.format('%s %.3f', of, math.max(0, tonumber(low) - most))
  end
  ahead, back = ahead - most, back + most
end
if ahead > 0 or back > 0 then
  -- What was given back is kept for as long as a replica may know of a tat from before.
  local lifeMs = math.max(math.ceil(ahead / 1000) + 1000, redis.call('PTTL', KEYS[1]))
  local value = string.format('%.17g', now + ahead)
  if back > 0 or #kept > 0 then value = value .. string.format(' %.3f', back) end
  if #kept > 0 and kept[1] ~= '' then value = value .. ' ' .. table.concat(kept, ' ') end
  redis.call('SET', KEYS[1], value, 'PX', string.format('%d', lifeMs))
end
return { string.format('%.17g', ahead), string.format('%.3f', back) }
