/** The bucket, row by row. One request every 100 ms and bursts of 3 unless a row says otherwise; times in milliseconds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Quota } from '../../src/admission/rate/quota.ts';
import { aheadMaxUs, type Demand, leadOf, reserve } from '../../src/admission/rate/slots.ts';
import { excess, tolerance } from '../support/fleet.ts';

const tenASecond: Quota = { rate: 10, burst: 3 };
const alone: Demand = { want: 1, leadUs: 0, horizonUs: 100_000, replicas: 1, floorUs: Number.NEGATIVE_INFINITY };

/** A bucket with a clock of its own: what it grants is told as `[opens, closes]` windows on that clock, in ms. */
class Bucket {
  readonly quota: Quota;
  tatMs: number;

  constructor(quota: Quota = tenASecond, tatMs = 0) {
    this.quota = quota;
    this.tatMs = tatMs;
  }

  reserve(nowMs: number, asked: Partial<Demand> = {}): [opens: number, closes: number][] {
    const { tat, grant } = reserve(this.tatMs * 1_000, nowMs * 1_000, this.quota, { ...alone, ...asked });
    this.tatMs = tat / 1_000;
    return Array.from({ length: grant.count }, (_, index) => {
      const later = nowMs + (index * grant.intervalUs) / 1_000;
      return [later + grant.opensInUs / 1_000, later + grant.closesInUs / 1_000];
    });
  }
}

describe('A bucket of 10/s with bursts of 3', () => {
  /** Each is 200 ms long. */
  const windows = (...opens: number[]) => opens.map((at) => [at, at + 200]);

  test.each<[string, want: number, opens: number[]]>([
    // at t = 1,000                                     want  when the slots open that it gives
    ['idle', 1, [800]],
    ['idle, asked for two', 2, [800, 900]],
    ['idle, asked for its burst: all are open at once', 3, [800, 900, 1_000]],
    ['idle, asked for more: no more than are open', 9, [800, 900, 1_000]],
  ])('%s', (_, want, opens) => {
    expect(new Bucket().reserve(1_000, { want })).toEqual(windows(...opens));
  });

  test('after its burst gives one more an interval', () => {
    const bucket = new Bucket();
    bucket.reserve(1_000, { want: 3 });
    const opens = [1_000, 1_050, 1_200, 1_300, 1_400].map((now) => bucket.reserve(now)[0]?.[0]);
    expect(opens).toEqual([1_100, 1_200, 1_300, 1_400, 1_500]);
  });

  test.each<[string, pause: number, open: number]>([
    // after the burst at t = 0 and a pause of …     so many are open
    ['99 ms', 99, 0],
    ['100 ms', 100, 1],
    ['199 ms', 199, 1],
    ['200 ms', 200, 2],
    ['300 ms: it is full again', 300, 3],
    ['a day: it is no more than full', 86_400_000, 3],
  ])('after its burst and a pause of %s', (_, pause, open) => {
    const bucket = new Bucket();
    bucket.reserve(0, { want: 3 });
    const windows = [1, 2, 3, 4].flatMap(() => bucket.reserve(pause));
    expect(windows.filter(([opens]) => opens <= pause)).toHaveLength(open);
  });

  test('gives slots ahead of time: those of the next 100 ms, and always one', () => {
    const bucket = new Bucket();
    bucket.reserve(0, { want: 3 });
    expect(bucket.reserve(0, { want: 9 })).toEqual(windows(100));
    expect(bucket.reserve(0, { want: 9, horizonUs: 400_000 })).toEqual(windows(200, 300, 400, 500));
    expect(bucket.reserve(0, { want: 9, horizonUs: 0 })).toEqual(windows(600));
  });

  test('asked for none gives none, and stays as it is', () => {
    const bucket = new Bucket();
    expect(bucket.reserve(1_000, { want: 0, leadUs: 0 })).toEqual([]);
    expect(bucket.reserve(1_000, { want: 3 })).toEqual(new Bucket().reserve(1_000, { want: 3 }));
  });
});

describe('A slot’s window', () => {
  test.each<[string, Quota, lengthMs: number]>([
    //                                                       from opening to closing
    ['is (burst − 1) intervals long', { rate: 10, burst: 3 }, 200],
    ['for the messages, 50/s and 150', { rate: 50, burst: 150 }, 2_980],
    ['for every other endpoint, 20/s and 60', { rate: 20, burst: 60 }, 2_950],
    ['of a bucket of one: half an interval', { rate: 10, burst: 1 }, 50],
    ['of a fast bucket of one: 5 ms, which a timer can hit', { rate: 1_000, burst: 1 }, 5],
    ['of a fast bucket of three: 5 ms as well', { rate: 1_000, burst: 3 }, 5],
    ['of a bucket of two: one interval', { rate: 10, burst: 2 }, 100],
  ])('%s', (_, quota, lengthMs) => {
    const [[opens, closes] = [0, 0]] = new Bucket(quota).reserve(50_000);
    expect(closes - opens).toBeCloseTo(lengthMs, 6);
  });
});

describe('The lead, which lets a reply travel before its slot closes,', () => {
  test.each<[string, Quota, leadMs: number, tatMs: number, opens: number, closes: number]>([
    //                                                        lead    tat    opens  closes
    ['moves the slots of an idle bucket', tenASecond, 10, 0, 810, 1_010],
    ['does not move those of one that has been used', tenASecond, 10, 1_050, 850, 1_050],
    ['is at most the window’s length', tenASecond, 900, 0, 1_000, 1_200],
    ['is nothing to a bucket of one', { rate: 10, burst: 1 }, 900, 0, 1_000, 1_050],
  ])('%s', (_, quota, leadMs, tatMs, opens, closes) => {
    expect(new Bucket(quota, tatMs).reserve(1_000, { leadUs: leadMs * 1_000 })).toEqual([[opens, closes]]);
  });

  test('lets the last of a burst open that much later, and costs nothing else', () => {
    const bucket = new Bucket();
    const opens = [1, 2, 3, 4].map(() => bucket.reserve(1_000, { leadUs: 10_000 })[0]?.[0]);
    expect(opens).toEqual([810, 910, 1_010, 1_110]);
  });
});

describe('The lead to ask for', () => {
  test.each<[string, Quota, keepMs: number, travelMs: number, leadMs: number]>([
    //                                                                    keep  travel  lead
    ['is how long a slot is to be kept', tenASecond, 20, 0.6, 20],
    ['leaves a small burst a third of its slots to open at once', { rate: 100, burst: 3 }, 20, 0.6, 40 / 3],
    ['is what the reply needs to travel, where that is more', tenASecond, 20, 45, 45],
    ['even where that leaves nothing of the window', { rate: 13, burst: 2 }, 20, 75, 75],
    ['is nothing but that to a bucket of one', { rate: 10, burst: 1 }, 20, 0.6, 0.6],
  ])('%s', (_, quota, keepMs, travelMs, leadMs) => {
    expect(leadOf(quota, keepMs * 1_000, travelMs * 1_000)).toBeCloseTo(leadMs * 1_000, 6);
  });
});

describe('Of a bucket that several replicas share, one call gets', () => {
  test.each<[string, Partial<Demand>, tatMs: number, slots: number]>([
    //                                                           replicas              tat    slots
    ['its share of what is open', { want: 99, replicas: 2 }, 0, 15],
    ['its share, rounded up', { want: 99, replicas: 4 }, 0, 8],
    ['its share of the horizon', { want: 99, replicas: 2, horizonUs: 1_000_000 }, 12_900, 5],
    ['at least one of the horizon', { want: 99, replicas: 50 }, 12_900, 1],
    ['at least one of what is open', { want: 99, replicas: 50 }, 0, 1],
    ['no more than it asked for', { want: 2, replicas: 2 }, 0, 2],
  ])('%s', (_, asked, tatMs, slots) => {
    expect(new Bucket({ rate: 10, burst: 30 }, tatMs).reserve(10_000, asked)).toHaveLength(slots);
  });
});

describe('A bucket whose clock is set back', () => {
  test('mints nothing: the next slot is as far ahead as the clock went back', () => {
    const bucket = new Bucket();
    bucket.reserve(100_000, { want: 3 });
    expect(bucket.reserve(90_000)).toEqual([[100_100, 100_300]]);
  });

  test('by more than a minute goes on behind what its replicas may hold', () => {
    const bucket = new Bucket();
    bucket.reserve(9_000_000);
    const demand: Demand = { ...alone, replicas: 4 };
    const heldMs = 2 * (4 * 100 + 100);
    expect(bucket.reserve(0, demand)).toEqual([[heldMs, heldMs + 200]]);
    expect(aheadMaxUs(tenASecond, demand)).toBe(heldMs * 1_000);
  });

  test('gives nothing twice after that', () => {
    const bucket = new Bucket();
    bucket.reserve(9_000_000);
    const opens = [1, 2, 3].map(() => bucket.reserve(0)[0]?.[0]);
    expect(opens).toEqual([400, 500, 600]);
  });
});

describe('A bucket so slow that its replicas hold slots for minutes to come', () => {
  test('gives none of them twice', () => {
    const oneAMinute = new Bucket({ rate: 1 / 60, burst: 1 });
    const opens = Array.from({ length: 8 }, () => oneAMinute.reserve(0, { replicas: 8 })[0]?.[0] as number);
    expect(opens.map((at) => Math.round(at / 60_000))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

const quotas: fc.Arbitrary<Quota> = fc.record({
  rate: fc.oneof(fc.double({ min: 0.1, max: 50, noNaN: true }), fc.integer({ min: 1, max: 20_000 })),
  burst: fc.integer({ min: 1, max: 400 }),
});

interface Step {
  readonly passMs: number;
  /** How far the bucket's clock is set back. */
  readonly backMs: number;
  readonly leadUs: number;
  readonly want: number;
  readonly replica: number;
  /** Where in its window each slot is used: 0 is when it opens (or is given), 1 is when it closes. */
  readonly uses: readonly number[];
}
const stepsWith = (backMs: fc.Arbitrary<number>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      passMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 300, noNaN: true }), fc.nat(20_000)),
      backMs,
      leadUs: fc.integer({ min: 0, max: 200_000 }),
      want: fc.integer({ min: 1, max: 500 }),
      replica: fc.nat(4),
      uses: fc.array(fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
    { minLength: 1, maxLength: 80, size: 'max' },
  );

/** When requests are sent that use each slot somewhere in its window, in real milliseconds. */
function sends(quota: Quota, replicas: number, patient: boolean, steps: readonly Step[]): number[] {
  const instants: number[] = [];
  const heldUntil = new Map<number, number>();
  let tat = Number.NEGATIVE_INFINITY;
  let realMs = 0;
  let offsetMs = 1e9; // The bucket's clock is not ours.
  for (const { passMs, backMs, leadUs, want, replica, uses } of steps) {
    realMs += passMs;
    offsetMs -= backMs;
    const asker = replica % replicas;
    if (patient && realMs < (heldUntil.get(asker) ?? 0)) continue;
    const reserved = reserve(tat, (realMs + offsetMs) * 1_000, quota, { ...alone, want, leadUs, replicas });
    tat = reserved.tat;
    const { count, opensInUs, closesInUs, intervalUs } = reserved.grant;
    for (let i = 0; i < count; i++) {
      const opens = realMs + Math.max(0, (opensInUs + i * intervalUs) / 1_000);
      const closes = realMs + (closesInUs + i * intervalUs) / 1_000;
      heldUntil.set(asker, opens);
      if (closes >= opens) instants.push(opens + (uses[i % uses.length] as number) * (closes - opens));
    }
  }
  return instants.sort((a, b) => a - b);
}

/** What a window that was stretched lets through beyond the theorem: half a request or 5 ms of the rate. */
function stretched({ rate, burst }: Quota): number {
  const tau = (burst - 1) / rate;
  return rate * Math.max(0, 0.005 - tau, 0.5 / rate - tau);
}
const roundingError = 1e-3;

describe('Slots that are used inside their windows', () => {
  test('keep burst + rate × w, whatever is asked, even without end', () => {
    fc.assert(
      fc.property(quotas, fc.integer({ min: 1, max: 5 }), stepsWith(fc.constant(0)), (quota, replicas, steps) => {
        // Without end, but for the minute from where on a bucket takes demand for a clock that jumped.
        fc.pre(steps.length * Math.max(0.1, 1 / quota.rate) < 60);
        expect(excess(quota, sends(quota, replicas, false, steps))).toBeLessThanOrEqual(
          stretched(quota) + roundingError,
        );
      }),
      { numRuns: 500 },
    );
  });

  /** As replicas do, each takes more only when its last slot opens. */
  const keepsIt = (backs: fc.Arbitrary<Step[]>) =>
    fc.property(quotas, fc.integer({ min: 1, max: 5 }), backs, (quota, replicas, steps) => {
      expect(excess(quota, sends(quota, replicas, true, steps))).toBeLessThanOrEqual(stretched(quota) + roundingError);
    });

  test('keep it when the bucket’s clock is set back, however far', () => {
    const once = fc
      .tuple(stepsWith(fc.constant(0)), fc.nat(), fc.integer({ min: 1, max: 10_000_000 }))
      .map(([steps, at, backMs]) => steps.map((step, i) => (i === at % steps.length ? { ...step, backMs } : step)));
    fc.assert(keepsIt(once), { numRuns: 500 });
  });

  test('keep it when the bucket’s clock is set back again and again, by less than a minute', () => {
    const often = stepsWith(fc.integer({ min: 0, max: 700 }));
    fc.assert(keepsIt(often), { numRuns: 500 });
  });

  test('keep it within promise P1’s tolerance, where windows are stretched', () => {
    fc.assert(fc.property(quotas, (quota) => stretched(quota) <= tolerance(quota)));
  });
});
