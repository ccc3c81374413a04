--[[
Stores a token for as long as it lives, provided that its user is still as it was read. Of more than a user may have, the
oldest end, and all replicas are told.

KEYS[1]  the token
KEYS[2]  the users, a hash of "<version>\n<JSON>" by name
KEYS[3]  the user's tokens: a sorted set of digests, scored by when each was made, microseconds
ARGV[1]  the user's name
ARGV[2]  the version that was read
ARGV[3]  the token's value: "<version>\n<expires at, ms>\n<role>\n<user name>"
ARGV[4]  its lifetime, milliseconds, 1 or more
ARGV[5]  what the keys of tokens begin with; the digest follows
ARGV[6]  its digest
ARGV[7]  how many tokens a user may have, 1 or more
ARGV[8]  the channel of revocations
ARGV[9]  what is added to its score: 0, or 1e18 for one that an operator made, which ends after all of logins

Returns 1, or 0 when the user was changed or deleted meanwhile.

What the set names may have ended by itself, or with another version of its user: then it is older than all of its kind
that are valid, and goes first. Tokens that an older Weir made are in no set; they end by themselves. The keys of tokens that end here
are in the slot of all the others: their names have the same hash tag.
--]]
local user = redis.call('HGET', KEYS[2], ARGV[1])
if not user or string.sub(user, 1, #ARGV[2] + 1) ~= ARGV[2] .. '\n' then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])

-- Later than all before, were the clock set back.
local time = redis.call('TIME')
local made = tonumber(time[1]) * 1000000 + tonumber(time[2])
local offset = tonumber(ARGV[9])
local newest = tonumber(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2] or 0) - offset
if newest < 500000000000000000 then -- Otherwise it was made by an operator, and says nothing about logins.
  made = math.max(made, newest + 1)
end
redis.call('ZADD', KEYS[3], string.format('%.0f', made + offset), ARGV[6])
local lifetime = math.max(tonumber(ARGV[4]), redis.call('PTTL', KEYS[3]))
redis.call('PEXPIRE', KEYS[3], string.format('%d', lifetime))

-- Not all at once where the number that is allowed has become smaller: Redis is to serve others in between.
local excess = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[7])
for _ = 1, 100 do
  local digest = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  local key = ARGV[5] .. digest
  if excess <= 0 and redis.call('EXISTS', key) == 1 then
    break
  end
  redis.call('ZREM', KEYS[3], digest)
  if redis.call('DEL', key) == 1 then
    redis.pcall('PUBLISH', ARGV[8], 'token ' .. digest) -- As in drop-token.lua.
  end
  excess = excess - 1
end
return 1
