/** Tokens of others that were logged out: known to every replica until they are over, and no longer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryEndedTokens } from '../../src/adapters/memory/ended-tokens.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { createRedisEndedTokens } from '../../src/adapters/redis/ended-tokens.ts';
import { channelOf } from '../../src/adapters/redis/revocations.ts';
import { type EndedTokens, StoreAway } from '../../src/auth/ports.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

const fresh = (): string => nodeSecrets.digest(nodeSecrets.token());
const inMs = (ms: number): number => machineClock.wallMs() + ms;

const redis = await redisForAll();

async function connect() {
  // So long that no busy machine is taken for a Redis that is away.
  const client = await connectedTo(redis.url, 60_000);
  const close = async (): Promise<void> => client.disconnect();
  return { client, ended: createRedisEndedTokens(client, machineClock), [Symbol.asyncDispose]: close };
}

/** As two replicas see them. */
const stores: Readonly<Record<string, (closing: AsyncDisposableStack) => Promise<readonly EndedTokens[]>>> = {
  memory: async () => Array(2).fill(createMemoryEndedTokens(machineClock)),
  Redis: async (closing) => [closing.use(await connect()).ended, closing.use(await connect()).ended],
};

describe.each(Object.entries(stores))('Ended tokens in %s', (_, open) => {
  const closing = new AsyncDisposableStack();
  let here: EndedTokens;
  let there: EndedTokens;
  beforeAll(async () => {
    [here, there] = (await open(closing)) as [EndedTokens, EndedTokens];
  });
  afterAll(() => closing.disposeAsync());

  test('are the ones that were logged out, for every replica, and no others', async () => {
    const [one, other] = [fresh(), fresh()];
    await here.end(one, inMs(60_000));
    await there.end(one, inMs(60_000)); // Twice is fine.
    expect([await here.hasEnded(one), await there.hasEnded(one)]).toEqual([true, true]);
    expect(await there.hasEnded(other)).toBe(false);
  });

  test('are forgotten once they are over by themselves', async () => {
    const [short, past, long] = [fresh(), fresh(), fresh()];
    await here.end(long, inMs(60_000));
    const overAt = inMs(1_000);
    await here.end(short, overAt);
    await here.end(past, inMs(-1));
    // On a machine so slow that it is over by now, nothing can be seen of it.
    expect((await here.hasEnded(short)) || inMs(0) >= overAt).toBe(true);
    expect(await here.hasEnded(past)).toBe(false);
    await until(async () => !(await there.hasEnded(short)), { what: 'the token to be over' });
    expect(await here.hasEnded(long)).toBe(true);
  });

  test.each([Number.POSITIVE_INFINITY, 1e300, 2 ** 53])('may have any end: %d', async (untilMs) => {
    const digest = fresh();
    await here.end(digest, untilMs);
    expect(await there.hasEnded(digest)).toBe(true);
  });
});

describe('Ended tokens in memory', () => {
  test('of one user push out only their own, however many it logs out', async () => {
    const ended = createMemoryEndedTokens(machineClock, 10);
    const others = ['anna', 'berta', 'carl'].map((user) => ({ user, digest: fresh() }));
    for (const { user, digest } of others) await ended.end(digest, inMs(60_000), user);
    const flood = Array.from({ length: 100 }, fresh);
    for (const digest of flood) await ended.end(digest, inMs(60_000), 'dora');
    for (const { digest } of others) expect(await ended.hasEnded(digest)).toBe(true);
    const kept: string[] = [];
    for (const digest of flood) if (await ended.hasEnded(digest)) kept.push(digest);
    expect(kept).toEqual(flood.slice(-7));
  });
});

describe('Ended tokens in Redis', () => {
  test('are told to all replicas, and have an end of their own', async () => {
    await using store = await connect();
    await using listener = await connect();
    const told: string[] = [];
    listener.client.on('message', (_, message: string) => void told.push(message));
    await listener.client.subscribe(channelOf('weir:'));
    const digest = fresh();
    await store.ended.end(digest, inMs(60_000));
    await until(() => told.length > 0, { what: 'the message' });
    expect(told).toEqual([`token ${digest}`]);
    const lifetimeMs = await store.client.pttl(`weir:{accounts}:ended:${digest}`);
    expect(lifetimeMs).toBeGreaterThan(50_000);
    expect(lifetimeMs).toBeLessThanOrEqual(60_000);
  });

  test('reject with StoreAway while Redis is away', async () => {
    await using store = await connect();
    await redis.kill('SIGKILL');
    await expect(store.ended.end(fresh(), inMs(60_000))).rejects.toThrow(StoreAway);
    await expect(store.ended.hasEnded(fresh())).rejects.toThrow(StoreAway);
    await redis.restart();
    await until(async () => (await store.ended.hasEnded(fresh())) === false, { what: 'Redis to be back' });
  });
});
