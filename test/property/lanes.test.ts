/** Several limits for a request, over replicas, in virtual time: P1 and P2 hold for each, and lanes hold nobody up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Quota } from '../../src/admission/rate/quota.ts';
import {
  excess,
  Fleet,
  messageFrom,
  narrowLimit,
  roomyLimits,
  type Sent,
  tolerance,
  WaitingDownstream,
} from '../support/fleet.ts';

const byNumber = 'path:/v1/messages/{number}';

const quotas = fc.record({ rate: fc.integer({ min: 5, max: 500 }), burst: fc.integer({ min: 1, max: 100 }) });
const narrow = fc.record({
  rate: fc.double({ min: 0.2, max: 20, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
});
const ways = fc.double({ min: 0, max: 5, noNaN: true });
const replicas = fc.integer({ min: 1, max: 4 });

const by = <Key>(sent: readonly Sent[], key: (one: Sent) => Key): Map<Key, number[]> => {
  const instants = new Map<Key, number[]>();
  for (const one of sent) instants.set(key(one), [...(instants.get(key(one)) ?? []), one.at]);
  return instants;
};

const holds = (quota: Quota, instants: readonly number[]): void => {
  expect(excess(quota, instants)).toBeLessThanOrEqual(tolerance(quota) + 1e-6);
};

describe('several limits at once', () => {
  const arrivals = fc.array(
    fc.record({
      pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
      replica: fc.nat(3),
      number: fc.constantFrom('x', 'x', 'x', 'y', 'z'),
      account: fc.constantFrom('1', '2'),
      user: fc.constantFrom('a', 'b'),
    }),
    { minLength: 1, maxLength: 120 },
  );

  it('hold each in every window (P1), and whoever waits is served', async () => {
    await fc.assert(
      fc.asyncProperty(
        quotas,
        narrow,
        narrow,
        replicas,
        ways,
        arrivals,
        async (wide, one, other, count, oneWayMs, all) => {
          const also = [narrowLimit(byNumber, one), narrowLimit('header:X-Account', other)];
          const limits = { ...roomyLimits(wide), also };
          const fleet = new Fleet({ limits, replicas: count, oneWayMs: () => oneWayMs });
          const accounts = new Map<string, number[]>();
          for (const { pauseMs, replica, number, account, user } of all) {
            await fleet.clock.advance(pauseMs);
            const brought = { path: `/v1/messages/${number}`, fields: ['X-Account', account] };
            // The account is told by the caller's name, since what was sent tells no more.
            void fleet.arrive(replica % count, `${user}${account}`, new WaitingDownstream(), brought);
          }
          await fleet.clock.advance(all.length * 1_000 * (4 / wide.rate + 8 / one.rate + 8 / other.rate) + 60_000);
          expect(fleet.refused).toEqual([]);
          expect(fleet.sent).toHaveLength(all.length);
          expect(fleet.excess(wide)).toBeLessThanOrEqual(tolerance(wide) + 1e-6);
          for (const instants of by(fleet.sent, ({ path }) => path).values()) holds(one, instants);
          for (const { caller, at } of fleet.sent) {
            const account = caller.slice(1);
            accounts.set(account, [...(accounts.get(account) ?? []), at]);
          }
          for (const instants of accounts.values()) holds(other, instants);
          for (const gates of fleet.gates) expect(gates.lanes?.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('hold each where requests are late as well, and what was given for them goes back', async () => {
    const late = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(narrow, replicas, ways, late, arrivals, async (one, count, oneWayMs, waysMs, all) => {
        const also = [narrowLimit(byNumber, one)];
        const limits = { ...roomyLimits({ rate: 5_000, burst: 5_000 }), also };
        let next = 0;
        const wayMs = () => waysMs[next++ % waysMs.length] as number;
        const fleet = new Fleet({ limits, replicas: count, oneWayMs: () => oneWayMs, wayMs });
        for (const { pauseMs, replica, number, user } of all) {
          await fleet.clock.advance(pauseMs);
          void fleet.arrive(replica % count, user, new WaitingDownstream(), { path: `/v1/messages/${number}` });
        }
        await fleet.clock.advance(all.length * 1_000 * (16 / one.rate) + 60_000);
        expect(fleet.sent).toHaveLength(all.length);
        // One that has given up so many slots in a row is sent however late, so it may be late by its last way.
        const slack = (one.rate * Math.max(...waysMs)) / 1_000;
        for (const instants of by(fleet.sent, ({ path }) => path).values()) {
          expect(excess(one, instants)).toBeLessThanOrEqual(tolerance(one) + slack + 1e-6);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('send those of a lane in the order of their coming, where one replica has them all', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, narrow, ways, arrivals, async (wide, one, oneWayMs, all) => {
        const also = [narrowLimit(byNumber, { ...one, serial: true })];
        const limits = { ...roomyLimits(wide), also };
        const fleet = new Fleet({ limits, oneWayMs: () => oneWayMs, serviceMs: 7 });
        const came = new Map<string, string[]>();
        for (const [i, { pauseMs, number, user }] of all.entries()) {
          await fleet.clock.advance(pauseMs);
          // A caller of its own for each, so that nothing but the lane has an order.
          const caller = `${user}${i}`;
          came.set(number, [...(came.get(number) ?? []), caller]);
          void fleet.arrive(0, caller, new WaitingDownstream(), { path: `/v1/messages/${number}` });
        }
        await fleet.clock.advance(all.length * 1_000 * (4 / wide.rate + 8 / one.rate) + 60_000);
        for (const [number, callers] of came) {
          const sent = fleet.sent.filter(({ path }) => path.endsWith(`/${number}`));
          expect(sent.map(({ caller }) => caller)).toEqual(callers);
          // One in flight: the next is sent when the one before has its answer, 7 ms later.
          for (const [i, { at }] of sent.entries())
            if (i > 0) expect(at).toBeGreaterThanOrEqual((sent[i - 1] as Sent).at + 7);
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** What a request brings, and the value of each scope in it; null: it is not bound. */
interface Brought {
  readonly number: string;
  readonly account: string | null;
  readonly user: string;
}
const scopes: Readonly<Record<string, (of: Brought) => string | null>> = {
  fleet: () => 'all',
  principal: ({ user }) => user,
  'path:/v1/messages/{number}': ({ number }) => number,
  'header:X-Account': ({ account }) => account,
  'principal + header:X-Account': ({ user, account }) => (account === null ? null : `${user} ${account}`),
  'path:/v1/messages/{number} + principal': ({ number, user }) => `${number} ${user}`,
};

describe('up to three limits of any scope, while answers pause lanes, buckets and classes', () => {
  const limit = fc.record({
    scope: fc.constantFrom(...Object.keys(scopes)),
    rate: fc.double({ min: 0.5, max: 20, noNaN: true }),
    burst: fc.integer({ min: 1, max: 30 }),
    serial: fc.boolean(),
  });
  const signal = fc.record({
    of: fc.constantFrom('class' as const, 'bucket' as const, 1, 2),
    pauseMs: fc.integer({ min: 150, max: 4_000 }),
  });
  const steps = fc.array(
    fc.record({
      pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
      replica: fc.nat(3),
      number: fc.constantFrom('x', 'x', 'y', 'z'),
      account: fc.constantFrom('1', '2', null),
      user: fc.constantFrom('a', 'b'),
      signal: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: signal }),
    }),
    { minLength: 1, maxLength: 80 },
  );

  it('hold each in every window, whoever waits is served, and nothing is left behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        quotas,
        fc.array(limit, { minLength: 1, maxLength: 3 }),
        replicas,
        ways,
        steps,
        async (wide, narrows, count, oneWayMs, all) => {
          const also = narrows.map(({ scope, ...one }) => narrowLimit(scope, one));
          const limits = { ...roomyLimits(wide), also };
          const fleet = new Fleet({ limits, replicas: count, oneWayMs: () => oneWayMs });
          const brought = new Map<string, Brought>();
          for (const [i, { pauseMs, replica, number, account, user, signal }] of all.entries()) {
            await fleet.clock.advance(pauseMs);
            brought.set(`${user}#${i}`, { number, account, user });
            // The path tells which request it was.
            const path = `/v1/messages/${number}/${user}#${i}`;
            const fields = account === null ? [] : ['X-Account', account];
            void fleet.arrive(replica % count, user, new WaitingDownstream(), { path, fields });
            if (signal === null) continue;
            await fleet.clock.advance(1);
            const said = { ...signal, bulk: false, as: null };
            fleet.slots[replica % count]?.signalled(said, messageFrom(user, { path, fields }));
          }
          const slowest = Math.min(wide.rate, ...narrows.map(({ rate }) => rate));
          await fleet.clock.advance((all.length * 8_000) / slowest + 400_000);
          expect(fleet.refused).toEqual([]);
          expect(fleet.sent).toHaveLength(all.length);
          expect(fleet.excess(wide)).toBeLessThanOrEqual(tolerance(wide) + 1e-6);
          for (const narrow of narrows) {
            const tell = scopes[narrow.scope] as (of: Brought) => string | null;
            const valueIn = ({ path }: Sent) => tell(brought.get(path.split('/').at(-1) ?? '') as Brought);
            for (const [value, instants] of by(fleet.sent, valueIn)) if (value !== null) holds(narrow, instants);
          }
          for (const gates of fleet.gates) expect(gates.lanes?.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('give each caller of a lane its turn, however many another one has sent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.5, max: 20, noNaN: true }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 10, max: 60 }),
        async (rate, burst, callers, flood) => {
          const also = [narrowLimit(byNumber, { rate, burst })];
          const limits = { ...roomyLimits({ rate: 500, burst: 500 }), also };
          const fleet = new Fleet({ limits, oneWayMs: () => 1 });
          const send = (user: string): void =>
            void fleet.arrive(0, user, new WaitingDownstream(), { path: '/v1/messages/x' });
          for (let i = 0; i < flood; i++) send('flood');
          for (let i = 1; i < callers; i++) for (let k = 0; k < 3; k++) send(`other${i}`);
          await fleet.clock.advance(((flood + 3 * callers) * 2_000) / rate + 60_000);
          const order = fleet.sent.map(({ caller }) => caller);
          // The others are through as soon as each has had three turns; what was there before may have been on its way.
          const last = order.findLastIndex((caller) => caller !== 'flood');
          expect(order).toHaveLength(flood + 3 * (callers - 1));
          expect(last + 1).toBeLessThanOrEqual(burst + 3 * callers + 2);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('1,000 recipients, one of which gets 100 messages', () => {
  it.each([1, 2, 4])('leave all others undisturbed and are in order, over %d replicas', async (count) => {
    const wide = { rate: 80, burst: 80 };
    const pair = narrowLimit(byNumber, { rate: 1 / 6, burst: 45, serial: true });
    const fleet = new Fleet({ limits: { ...roomyLimits(wide), also: [pair] }, replicas: count, oneWayMs: () => 0.5 });
    const send = (i: number, number: string): void =>
      void fleet.arrive(i % count, `crm${i}`, new WaitingDownstream(), { path: `/v1/messages/${number}` });
    // 100 a second for 10 s and a bit more: one in ten to the one recipient.
    for (let i = 0; i < 1_000; i++) {
      send(i, `n${i}`);
      if (i % 10 === 0) send(i, 'one');
      await fleet.clock.advance(9);
    }
    await fleet.clock.advance(2_000);
    const others = fleet.sent.filter(({ path }) => !path.endsWith('/one'));
    const one = fleet.sent.filter(({ path }) => path.endsWith('/one'));
    // All that the wide limit gave by now was used: nobody waited for the one.
    expect(others.length + one.length).toBeGreaterThanOrEqual(Math.floor(0.995 * Math.min(1_100, 80 + 80 * 11)));
    expect(one.length).toBeLessThanOrEqual(45 + 2);
    await fleet.clock.advance(400_000);
    expect(fleet.sent).toHaveLength(1_100);
    // Each replica sends what it has for the one in the order of its coming.
    for (let replica = 0; replica < count; replica++) {
      const came = fleet.sent.filter((sent) => sent.replica === replica && sent.path.endsWith('/one'));
      const numbers = came.map(({ caller }) => Number(caller.slice(3)));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    expect(fleet.excess(wide)).toBeLessThanOrEqual(tolerance(wide) + 1e-6);
    holds(pair as Quota, by(fleet.sent, ({ path }) => path).get('/v1/messages/one') ?? []);
    // At most 1.3 calls a request for the narrow limit.
    expect(fleet.store.tries).toBeLessThanOrEqual(1.3 * 1_100);
  });
});
