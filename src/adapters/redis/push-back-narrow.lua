-- Pushes a narrow bucket back: it gives nothing before a while has passed. The arithmetic of src/admission/rate/slots.ts.
--
-- KEYS[1]  the bucket, as in try-take.lua: its tat, and what stays as it is
-- ARGV[1]  tau = (burst - 1) * T, microseconds
-- ARGV[2]  by how much, microseconds; the caller keeps to the most that is allowed
-- ARGV[3]  how far ahead of now takers and answers can have put tat, microseconds
-- ARGV[4]  a tat this much further ahead than that comes from a clock that jumped, microseconds
local tau, by, furthest, jump = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])

local tat, rest = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+)(.*)$')
tat = tonumber(tat or '') or -1e18
if tat ~= tat then tat = -1e18 end -- The text "nan" is a number to Lua.
if tat - now > furthest + jump then tat = now + furthest end
local pushed = math.max(tat, now + tau + by)

-- The key lives until the bucket is full again, a second more, and no less than it would have.
local lifeMs = math.max(math.ceil((pushed - now) / 1000) + 1000, redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.17g', pushed) .. (rest or ''), 'PX', string.format('%d', lifeMs))
