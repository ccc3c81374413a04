-- Takes tokens from a narrow bucket, if there are as many now: the arithmetic of `tryTake` in src/admission/rate/slots.ts, and
-- of lows.ts.
--
-- KEYS[1]  the bucket
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
-- include narrow-bucket.lua
local interval, tau, count, lead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local floor, told, furthest, jump = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local now = microseconds(ARGV[10])
local bucket = bucketAt(KEYS[1], now, interval, furthest, jump)
local ahead = math.max(bucket.ahead, floor - math.max(0, bucket.back - told))
local span = (count - 1) * interval
if ahead + span > tau then
  -- From now on it flows back at the new rate.
  if bucket.isOther then keep(KEYS[1], bucket, now, interval, furthest) end
  return { 0, string.format('%.17g', ahead), string.format('%.3f', bucket.back), '0' }
end
local earliest = math.min(lead, tau - span)
local first = math.max(ahead, earliest)
bucket.ahead = first + count * interval
local mark = 0
-- Low points of a time when answers settled: some may have yet to do so.
if ARGV[5] == '1' or #bucket.lows > 0 then
  local lowest, kept = math.max(0, ahead - earliest), {}
  for _, low in ipairs(bucket.lows) do
    mark = low[1]
    if low[2] < lowest then kept[#kept + 1] = low end
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
  bucket.lows = kept
end
keep(KEYS[1], bucket, now, interval, furthest)
return { 1, string.format('%.17g', first), string.format('%.3f', bucket.back), string.format('%.0f', mark) }
