/** `try-take.lua` and `settle.lua` in a real Redis have the arithmetic of narrow buckets in this process. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { luaIn } from '../../src/adapters/redis/script.ts';
import { NarrowBuckets } from '../../src/admission/rate/narrow-buckets.ts';
import type { NarrowQuota } from '../../src/admission/rate/quota.ts';
import { furthestUs, intervalUs, jumpMinUs, tauUs } from '../../src/admission/rate/slots.ts';
import { redisClientForAll } from '../support/start-for-all.ts';

const lua = luaIn('try-take.lua');
const settle = luaIn('settle.lua');
const long = -1e18;
const tatIn = (stored: string | null): number => Number(stored?.split(/[ /]/)[0]);

const { redis } = await redisClientForAll();

let keys = 0;

const steps = fc.array(
  fc.record({
    // Set back now and then, by more than what is taken for a jump.
    moveUs: fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.constant(0), fc.constant(-2 * jumpMinUs)),
    leadUs: fc.integer({ min: 0, max: 60_000 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    /** Which of the last takes an answer settles, and by how much it differs, in what was taken; null: nothing. */
    answer: fc.oneof(
      fc.constant(null),
      fc.record({
        back: fc.nat(20),
        off: fc.oneof(fc.double({ min: -1, max: 0, noNaN: true }), fc.double({ min: 0, max: 3, noNaN: true })),
      }),
    ),
  }),
  { minLength: 1, maxLength: 60 },
);
const quotas = fc.record({
  rate: fc.oneof(fc.double({ min: 0.01, max: 50, noNaN: true }), fc.integer({ min: 1, max: 1_000 })),
  burst: fc.integer({ min: 1, max: 60 }),
  settled: fc.constantFrom(null, { debtMaxUs: 0 }, { debtMaxUs: 5_000_000 }),
});

/** What Redis has of a bucket, and this process. */
class Both {
  readonly key = `narrow:${++keys}`;
  readonly here = new NarrowBuckets();
  quota: NarrowQuota;
  /** How far ahead of now its tat may be by the limits that there were. */
  #reachUs = 0;
  /** What the last digits of a tat have come to by being stretched, microseconds. */
  #errorUs = 0;
  readonly taken: { readonly count: number; readonly mark: number; readonly markHere: number }[] = [];
  nowUs = 1e12;

  constructor(quota: NarrowQuota) {
    this.quota = quota;
  }

  get #known(): number[] {
    return [long, 0, furthestUs(this.quota), jumpMinUs, this.nowUs];
  }

  /** Another limit: Redis finds out with the next call, which is one that settles nothing. */
  async configure(quota: NarrowQuota): Promise<void> {
    const reachUs = Math.max(furthestUs(this.quota), this.#reachUs);
    this.here.configure('b', this.nowUs, this.quota, quota);
    const stretch = intervalUs(quota) / intervalUs(this.quota);
    this.#reachUs = reachUs * stretch;
    this.#errorUs = (this.#errorUs + 0.001) * Math.max(1, stretch);
    this.quota = quota;
    await redis.eval(settle, 1, this.key, 0, 0, intervalUs(quota), ...this.#known);
  }

  #expectNear(us: number, expected: number): void {
    expect(Math.abs(us - expected)).toBeLessThan(0.5 + this.#errorUs);
  }

  /** In this process no clock is ever set back; that of Redis may have been. */
  #seeJump(): void {
    const furthest = Math.max(furthestUs(this.quota), this.#reachUs);
    if (this.here.tat('b') - this.nowUs > furthest + jumpMinUs) this.here.told('b', this.nowUs + furthest);
  }

  async take(leadUs: number, count: number): Promise<void> {
    const { quota } = this;
    const before = this.here.tat('b');
    this.#seeJump();
    // Just at the edge the last digit decides, and after a change of limits it may be another one there.
    const margin = this.here.tat('b') - this.nowUs + (count - 1) * intervalUs(quota) - tauUs(quota);
    if (Math.abs(margin) < 0.01 + this.#errorUs) return;
    const expected = this.here.tryTake('b', this.nowUs, quota, leadUs, count);
    const settles = Number(quota.settled !== null);
    const args = [intervalUs(quota), tauUs(quota), count, leadUs, settles, ...this.#known];
    const [taken, first, , mark] = (await redis.eval(lua, 1, this.key, ...args)) as [number, string, string, string];
    expect(taken === 1).toBe(expected.taken);
    if (expected.taken) {
      this.#reachUs = Math.min(this.#reachUs, this.here.tat('b') - this.nowUs);
      this.taken.push({ count, mark: Number(mark), markHere: expected.mark });
      this.#expectNear(tatIn(await redis.get(this.key)), this.here.tat('b'));
      expect(await redis.pttl(this.key)).toBeGreaterThan(0);
    } else {
      // Redis writes nothing then, and sees it anew.
      this.here.told('b', before);
      this.#expectNear(Number(first) + (count - 1) * intervalUs(quota) - tauUs(quota), expected.opensInUs);
    }
  }

  async settle(back: number, off: number): Promise<void> {
    const { quota } = this;
    const one = this.taken.at(-1 - back);
    // A clock that was set back by more than is allowed is seen with the next take.
    if (one === undefined || this.here.tat('b') - this.nowUs > furthestUs(quota)) return;
    const tokens = off * one.count;
    this.here.settle('b', this.nowUs, quota, tokens, one.markHere);
    const args = [tokens * intervalUs(quota), one.mark, intervalUs(quota), ...this.#known];
    const [ahead] = (await redis.eval(settle, 1, this.key, ...args)) as [string];
    const expected = Math.max(0, this.here.tat('b') - this.nowUs);
    expect(Math.abs(Math.max(0, Number(ahead)) - expected)).toBeLessThan(2 + this.#errorUs);
  }
}

test('whatever the quota, the moves of its clock, the leads, the tokens, and what answers tell', async () => {
  await fc.assert(
    fc.asyncProperty(quotas, steps, async (quota, moves) => {
      const both = new Both(quota);
      for (const { moveUs, leadUs, part, answer } of moves) {
        both.nowUs += moveUs;
        await both.take(leadUs, 1 + Math.floor(part * (quota.burst - 1)));
        if (answer !== null) await both.settle(answer.back, answer.off);
      }
    }),
    { numRuns: 60 },
  );
});

test('however the limit changes: what was spent stays spent', async () => {
  const changes = fc.array(fc.tuple(quotas, steps), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(quotas, changes, async (first, all) => {
      const both = new Both(first);
      for (const [quota, moves] of all) {
        for (const [i, { moveUs, leadUs, part, answer }] of moves.slice(0, 12).entries()) {
          // A clock that is set back is another matter.
          both.nowUs += Math.max(0, moveUs);
          if (i === 0) await both.configure(quota);
          await both.take(leadUs, 1 + Math.floor(part * (quota.burst - 1)));
          if (answer !== null) await both.settle(answer.back, answer.off);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('what was given back counts for those who knew the bucket before, and for nobody twice', async () => {
  const quota = { rate: 1, burst: 10, settled: { debtMaxUs: 0 } };
  const most = [furthestUs(quota), jumpMinUs, 1e12];
  const take = (count: number, floor: number, told: number): Promise<unknown> =>
    redis.eval(lua, 1, 'narrow:back', 1_000_000, 9_000_000, count, 0, 1, floor, told, ...most);
  expect(await take(8, long, 0)).toEqual([1, '0', '0.000', '1000000000000']);
  // One replica gives six back; another knows of eight that are spent, and of none that came back.
  const given = await redis.eval(settle, 1, 'narrow:back', -6_000_000, 1e12, 1_000_000, long, 0, ...most);
  expect(given).toEqual(['2000000', '6000000.000']);
  expect(await take(9, 8_000_000, 0)).toEqual([0, '2000000', '6000000.000', '0']);
  expect(await take(8, 8_000_000, 0)).toEqual([1, '2000000', '6000000.000', '1000000000001']);
  // Whoever has been told counts it no second time.
  expect(await take(1, 10_000_000, 6_000_000)).toEqual([0, '10000000', '6000000.000', '0']);
  // The mark lives as long as what others may know.
  expect(await redis.pttl('narrow:back')).toBeGreaterThan(8_000);
});

test('what the replica knows counts where Redis has lost it', async () => {
  const quota = { rate: 1, burst: 1, settled: null };
  const args = [1_000_000, 0, 1, 0, 0, 700_000, 0, furthestUs(quota), jumpMinUs, 1e12];
  expect(await redis.eval(lua, 1, 'narrow:lost', ...args)).toEqual([0, '700000', '0.000', '0']);
  expect(await redis.exists('narrow:lost')).toBe(0);
});

test.each(['nan', 'text', '1 nan', 'inf'])('a key that holds %s is as good as none', async (text) => {
  await redis.set('narrow:odd', text);
  const quota = { rate: 1, burst: 1, settled: null };
  const args = [1_000_000, 0, 1, 0, 0, long, 0, furthestUs(quota), jumpMinUs, 1e12];
  const [taken] = (await redis.eval(lua, 1, 'narrow:odd', ...args)) as unknown[];
  expect(taken).toBe(text === 'inf' ? 0 : 1);
});
