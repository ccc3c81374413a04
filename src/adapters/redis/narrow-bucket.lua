-- A narrow bucket as its scripts find it and leave it. They include this file.
--
-- The key is text: its tat, microseconds since the epoch of reserve.lua, with the interval by which that was reckoned and its
-- reach behind slashes (how far ahead of now tat may be by the limits that there were, microseconds); where any was given
-- back, how much, microseconds of its rate: by so much less counts what replicas know from before; and where answers settle
-- what was taken, its low points (lows.ts), a mark and a number each.

local function number(text, least, most, otherwise)
  local value = tonumber(text or '')
  -- The text "nan" is a number to Lua, and compares with nothing.
  if value and value >= least and value <= most then return value end
  return otherwise
end

local function microseconds(given)
  if given then return tonumber(given) end -- For tests only.
  local time = redis.call('TIME')
  return (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end

-- By the asker's limit: what was spent by another one stays spent, and flows back at the new rate. A tat that is further
-- ahead than its limits allow, by `jump`, comes from a clock that was set back.
local function bucketAt(key, now, interval, furthest, jump)
  local word, back, lows = string.match(redis.call('GET', key) or '', '^(%S+) ?(%S*) ?(.*)$')
  local tat, was, reach = string.match(word or '', '^([^/]+)/?([^/]*)/?(.*)$')
  local ahead = number(tat, -math.huge, math.huge, -1e18) - now
  was, reach = number(was, 1e-9, 1e15, interval), number(reach, 0, 1e18, furthest)
  if was == interval then reach = math.max(reach, furthest) end
  if ahead > reach + jump then ahead = reach end
  local stretch = interval / was
  -- What lies beyond the reach is no spending but a pause, whose length is not the rate's.
  if ahead > 0 then ahead = math.min(ahead, reach) * stretch + math.max(0, ahead - reach) end
  local bucket = { ahead = ahead, reach = reach * stretch, back = number(back, 0, 1e18, 0) * stretch, lows = {} }
  bucket.isOther = was ~= interval and ahead > 0
  for mark, low in string.gmatch(lows or '', '(%S+) (%S+)') do
    bucket.lows[#bucket.lows + 1] = { tonumber(mark), tonumber(low) * stretch }
  end
  return bucket
end

-- Once tat has passed the bucket is full, and no key says the same. The second more is for clocks that jump. What was given
-- back is kept for as long as a replica may know of a tat from before.
local function keep(key, bucket, now, interval, furthest)
  local reach = math.max(furthest, math.min(bucket.reach, bucket.ahead))
  local value = string.format('%.17g/%.17g/%.17g', now + bucket.ahead, interval, reach)
  local lifeMs = math.ceil(bucket.ahead / 1000) + 1000
  if bucket.back > 0 or #bucket.lows > 0 then
    value = value .. string.format(' %.3f', bucket.back)
    for _, low in ipairs(bucket.lows) do value = value .. string.format(' %.0f %.3f', low[1], low[2]) end
    lifeMs = math.max(lifeMs, redis.call('PTTL', key))
  end
  redis.call('SET', key, value, 'PX', string.format('%d', lifeMs))
end
