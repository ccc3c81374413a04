-- Pushes a narrow bucket back: it gives nothing before a while has passed. The arithmetic of src/admission/rate/slots.ts.
--
-- KEYS[1]  the bucket
-- ARGV[1]  interval between tokens, microseconds
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  by how much, microseconds; the caller keeps to the most that is allowed
-- ARGV[4]  how far ahead of now takers and answers can have put tat, microseconds
-- ARGV[5]  a tat this much further ahead than that comes from a clock that jumped, microseconds
-- include narrow-bucket.lua
local interval, tau, by = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local furthest, jump = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = microseconds()
local bucket = bucketAt(KEYS[1], now, interval, furthest, jump)
bucket.ahead = math.max(bucket.ahead, tau + by)
keep(KEYS[1], bucket, now, interval, furthest)
