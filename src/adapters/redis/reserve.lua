-- Takes slots from a bucket: the arithmetic of src/admission/rate/slots.ts, on Redis's own clock. The reference in
-- TypeScript is test/support/redis-bucket.ts.
--
-- KEYS[1]  the bucket, as text with spaces between: its tat, microseconds since the epoch below; how many slots it has
--          given; the most replicas that an asker has counted of late, and until when that holds; the interval by which
--          tat was reckoned; its reach: how far ahead of now tat may be besides what askers take, by the limits that
--          there were, microseconds
-- ARGV[1]  interval T between slots, microseconds (fractions allowed)
-- ARGV[2]  tau = (burst - 1) * T, microseconds
-- ARGV[3]  how many slots the replica wants; 0: none, to see whether Redis would give some
-- ARGV[4]  lead: how long the reply may take, microseconds
-- ARGV[5]  horizon, microseconds
-- ARGV[6]  how many replicas share the bucket, 1 or more
-- ARGV[7]  a tat this much further ahead than demand can have put it comes from a clock that was set back, microseconds
-- ARGV[8]  floor: how far ahead of now tat is by what the replica knows or used on its own, microseconds
-- ARGV[9]  expected now, microseconds since the epoch below; long ago: the replica has no idea
-- ARGV[10] slack: how far now may be from that by the time that calls travel, microseconds
-- ARGV[11] how many slots the replica has used on its own and not yet told of
-- ARGV[12] how far ahead of now tat was when it was told last, microseconds
-- ARGV[13] how many slots the bucket had given by then
-- ARGV[14] the most that slots used apart may hold the others up, microseconds
-- ARGV[15] now, microseconds since the epoch below: for tests only, absent in production
-- Returns  { count, first TAT - now, now, slots given, most replicas counted } ; delay, now and slots given as text, since a
--          Lua number in a reply is cut to an integer
--
-- The epoch is 2026-01-01: smaller numbers leave a double more digits below the microsecond.
local interval, tau, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lead, horizon, replicas, jump = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local floor, expected, slack = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local apart, told, toldGiven, debtMax = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local now
if ARGV[15] then
  now = tonumber(ARGV[15])
else
  local time = redis.call('TIME')
  now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
end

local never = -1e18
local stored = redis.call('GET', KEYS[1]) or ''
local form = '^(%S+) (%d+) ?(%d*) ?(%S*) ?(%S*) ?(%S*)$'
local tat, given, most, mostUntil, was, reach = string.match(stored, form)
tat = tonumber(tat or stored) or never
given = tonumber(given or 0)
if tat ~= tat then tat = never end -- The text "nan" is a number to Lua.
was, reach = tonumber(was) or interval, tonumber(reach) or tau
if not (was > 0 and was < 1e15) then was = interval end
if not (reach >= 0 and reach < 1e15) then reach = tau end
local late = now - expected
if late < -slack then jump = 0 end
local known = tat - now
local furthestWas = reach + 2 * (replicas * was + horizon)
if known > furthestWas + jump then known = furthestWas end
-- By another limit what was spent stays spent, and flows back at the new rate.
if was ~= interval then
  if known > 0 then known = known * interval / was end
  reach = reach * interval / was
end
reach = math.max(tau, reach)
local furthest = reach + 2 * (replicas * interval + horizon)
if math.abs(late) > slack then late = 0 end
if apart > 0 then
  local used = math.max(0, given - toldGiven) + apart
  floor = math.max(floor, math.min(told + used * interval, furthest + debtMax))
end
local first = math.max(known, floor - late, math.min(lead, tau)) -- from now
local open = math.max(0, math.floor((tau - first) / interval) + 1)
local share = math.max(1, math.floor(horizon / interval / replicas), math.ceil(open / replicas))
local count = math.min(want, share)
local following = now + first + count * interval

-- Replicas hear of a new one with their next beat, a second later at most. What an asker has counted holds for as long:
-- until then the others hear of it here.
local beat = 1000000
most, mostUntil = tonumber(most) or 0, tonumber(mostUntil) or never
if replicas >= most or mostUntil <= now or mostUntil > now + beat then most, mostUntil = replicas, now + beat end

-- Once tat has passed the bucket is full, and no key says the same. The second more is for clocks that jump.
local lifeMs = math.ceil((following - now + tau) / 1000) + 1000
given = string.format('%d', given + apart + count)
-- A limit that was larger is over once what was spent by it has flowed back.
reach = math.max(tau, math.min(reach, following - now))
local value = string.format('%.17g %s %d %.17g %.17g %.17g', following, given, most, mostUntil, interval, reach)
redis.call('SET', KEYS[1], value, 'PX', string.format('%d', lifeMs))
return { count, string.format('%.17g', first), string.format('%.17g', now), given, most }
