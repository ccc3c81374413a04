-- Gives a token of a narrow bucket back that was taken and not used.
--
-- KEYS[1]  the bucket, as in try-take.lua
-- ARGV[1]  interval T between tokens, microseconds (fractions allowed)
local tat = tonumber(redis.call('GET', KEYS[1]) or '')
if tat and tat == tat then
  redis.call('SET', KEYS[1], string.format('%.17g', tat - tonumber(ARGV[1])), 'KEEPTTL')
end
