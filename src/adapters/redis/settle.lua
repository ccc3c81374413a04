-- Settles what was taken of a narrow bucket: the arithmetic of src/admission/rate/slots.ts (`overdrawn`) and lows.ts.
--
-- KEYS[1]  the bucket
-- ARGV[1]  so much more was used, microseconds of the rate; negative: so much less
-- ARGV[2]  the mark of the take
-- ARGV[3]  interval between tokens, microseconds
-- ARGV[4]  floor: how far ahead of now tat is by what the replica knows, microseconds
-- ARGV[5]  how much had been given back of it by then, microseconds
-- ARGV[6]  how far ahead of now takers and answers can have put tat, microseconds
-- ARGV[7]  a tat this much further ahead than that comes from a clock that was set back, microseconds
-- ARGV[8]  now, microseconds since the epoch of reserve.lua: for tests only, absent in production
-- Returns  { tat - now, how much has been given back } ; both as text
-- include narrow-bucket.lua
local by, mark, interval = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local floor, told, furthest, jump = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = microseconds(ARGV[8])
local bucket = bucketAt(KEYS[1], now, interval, furthest, jump)
local ahead = math.max(bucket.ahead, floor - math.max(0, bucket.back - told))
if by > 0 then
  ahead = math.max(ahead, math.min(math.max(ahead, 0) + by, furthest))
elseif ahead > 0 then
  local most, first = math.min(-by, ahead), true
  for _, low in ipairs(bucket.lows) do
    if first and low[1] > mark then
      most, first = math.min(most, low[2]), false
    end
  end
  for _, low in ipairs(bucket.lows) do low[2] = math.max(0, low[2] - most) end
  ahead, bucket.back = ahead - most, bucket.back + most
end
bucket.ahead = ahead
if ahead > 0 or bucket.back > 0 then keep(KEYS[1], bucket, now, interval, furthest) end
return { string.format('%.17g', ahead), string.format('%.3f', bucket.back) }
