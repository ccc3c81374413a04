/**
 * Callers beside one another, in virtual time: messages at 50/s with bursts of 150 unless a test says otherwise. What each
 * got is measured against the share that it should have had.
 */
import { describe, expect, test } from 'vitest';
import { jain } from '../support/fleet.ts';
import { Lines, type LinesOptions, type Visit } from '../support/lines.ts';

const rate = 50;
const limits = { messages: { rate, burst: 150, holdMaxMs: 30_000, lineMaxRequests: 10_000, callerShareMax: 0.9 } };

interface Sender {
  readonly name: string;
  /** The user; as a rule it has the sender's name. */
  readonly user?: string;
  /** Requests a second, evenly spaced. */
  readonly rate: number;
  readonly fields?: string[];
  /** When it sends: from, until, milliseconds. All the time where it is not said. */
  readonly from?: number;
  readonly until?: number;
  /** It hangs up on what has waited so long, milliseconds. */
  readonly patienceMs?: number;
}

/** What happened to those that one sender sent within a time. */
interface Story {
  readonly sent: number;
  readonly refused: number;
  /** Milliseconds in line of those that were sent, ascending. */
  readonly waits: readonly number[];
}

const p99 = ({ waits }: Story): number => waits[Math.ceil(0.99 * waits.length) - 1] ?? Number.NaN;
const worst = ({ waits }: Story): number => waits.at(-1) ?? Number.NaN;

/** Lets senders send, for so long. */
async function play(senders: readonly Sender[], ms: number, options: LinesOptions = {}) {
  const lines = new Lines({ limits, ...options });
  const visits = new Map(senders.map(({ name }) => [name, [] as { visit: Visit; at: number }[]]));
  for (const [index, sender] of senders.entries()) {
    const { name, user = name, rate: perSecond, fields = [], from = 0, until = ms, patienceMs } = sender;
    const everyMs = 1_000 / perSecond;
    const send = (at: number): void => {
      const visit = lines.arrive(name, { user, fields });
      visits.get(name)?.push({ visit, at });
      if (patienceMs !== undefined) lines.clock.after(patienceMs, () => visit.downstream.hangUp());
      if (at + everyMs < until) lines.clock.after(everyMs, () => send(at + everyMs));
    };
    // Nobody is always the first of those who come at the same time.
    const first = from + (index / senders.length) * everyMs;
    lines.clock.after(first, () => send(first));
  }
  await lines.clock.run(ms);
  return {
    lines,
    /** Of those who came and, where they were sent, were sent within a time. */
    storyOf: (name: string, from = 0, until = ms): Story => {
      const ends = (visits.get(name) ?? []).flatMap(({ visit, at }) => visit.ends.map((end) => ({ ...end, came: at })));
      const within = ends.filter(({ came, at }) => came >= from && at < until);
      const waits = within.filter(({ kind }) => kind === 'sent').map(({ at, came }) => at - came);
      const refused = within.filter(({ kind }) => kind === 'lineFull' || kind === 'holdTimeOver');
      return { sent: waits.length, refused: refused.length, waits: waits.toSorted((a, b) => a - b) };
    },
    /** How many of each were sent within a time, whenever they came. */
    sentWithin: (from: number, until: number): number[] => {
      const wasSent = ({ visit }: { visit: Visit }): boolean =>
        visit.ends.some(({ kind, at }) => kind === 'sent' && at >= from && at < until);
      return [...visits.values()].map((those) => those.filter(wasSent).length);
    },
  };
}

const flood = (name: string, more: Partial<Sender> = {}): Sender => ({ name, rate: 3 * rate, ...more });
const many = (count: number, sender: (name: string) => Sender): Sender[] =>
  Array.from({ length: count }, (_, index) => sender(`caller ${index}`));

describe('Equal callers get equal shares', () => {
  test.each([2, 10, 100])('%d that all ask for more than there is', async (count) => {
    const senders = many(count, (name) => ({ name, rate: (4 * rate) / count }));
    const { sentWithin } = await play(senders, 60_000);
    const shares = sentWithin(10_000, 60_000);
    expect(jain(shares)).toBeGreaterThanOrEqual(0.99);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeGreaterThanOrEqual(0.995 * rate * 50);
  });

  test('however unequally they ask', async () => {
    const senders = [flood('flood'), { name: 'four times', rate: 100 }, { name: 'just more', rate: 20 }];
    const { sentWithin } = await play(senders, 60_000);
    expect(jain(sentWithin(10_000, 60_000))).toBeGreaterThanOrEqual(0.99);
  });

  test.each([2, 10, 100])('%d that come and go: those that are there share what there is', async (count) => {
    // The second half of them is there in the middle third only.
    const senders = many(count, (name) => ({ name, rate: (8 * rate) / count, patienceMs: 10_000 })).map(
      (sender, index) => (index < count / 2 ? sender : { ...sender, from: 20_000, until: 40_000 }),
    );
    const { sentWithin } = await play(senders, 60_000);
    const [early, middle, late] = [sentWithin(8_000, 20_000), sentWithin(22_000, 40_000), sentWithin(51_000, 60_000)];
    expect(jain(early.slice(0, count / 2))).toBeGreaterThanOrEqual(0.99);
    expect(jain(middle)).toBeGreaterThanOrEqual(0.99);
    expect(jain(late.slice(0, count / 2))).toBeGreaterThanOrEqual(0.99);
    expect(late.slice(count / 2).every((share) => share === 0)).toBe(true);
  });
});

describe('A light caller', () => {
  test.each([
    [1, 'one'],
    [10, 'ten'],
    [24, 'nearly its share'],
  ])('of %d/s beside one at twenty times the limit waits under 100 ms (%s)', async (perSecond) => {
    const { storyOf } = await play([flood('heavy', { rate: 20 * rate }), { name: 'light', rate: perSecond }], 40_000);
    const light = storyOf('light', 5_000);
    expect(light.refused).toBe(0);
    expect(light.sent).toBeGreaterThanOrEqual(34 * perSecond);
    expect(p99(light)).toBeLessThan(100);
  });

  test('beside nine floods waits for one turn of each', async () => {
    const { storyOf } = await play([...many(9, flood), { name: 'light', rate: 2 }], 30_000);
    const light = storyOf('light', 5_000);
    expect(light.refused).toBe(0);
    expect(worst(light)).toBeLessThanOrEqual((10 / rate) * 1_000 + 1);
  });

  test('that comes while a flood has filled the line is served like any other', async () => {
    const { storyOf } = await play([flood('heavy'), { name: 'light', rate: 5, from: 20_000 }], 40_000);
    expect(worst(storyOf('light'))).toBeLessThan(100);
  });
});

describe('A flood', () => {
  test('only lengthens its own wait, and is told at once of what it has no turns for', async () => {
    const { storyOf, lines } = await play([flood('heavy'), { name: 'other', rate: 40 }], 60_000);
    const heavy = storyOf('heavy', 20_000);
    expect(heavy.refused).toBeGreaterThan(0.9 * 40 * (3 * rate - 25));
    // It has 25 turns a second. In line are those who are served within the hold time, hardly more.
    expect(lines.line().requests).toBeLessThanOrEqual(1.2 * 2 * 25 * 30);
    expect(p99(storyOf('other', 5_000))).toBeLessThan(30_000);
  });

  test('that hangs up leaves its turns to the others at once', async () => {
    const senders = [flood('heavy', { until: 20_000, patienceMs: 1_000 }), { name: 'steady', rate: 100 }];
    const { sentWithin } = await play(senders, 60_000);
    const [heavy, steady] = sentWithin(22_000, 40_000) as [number, number];
    expect(heavy).toBe(0);
    expect(steady).toBeGreaterThanOrEqual(0.995 * rate * 18);
  });
});

describe('Urgency', () => {
  const bestUrgency = { users: 3, admins: 3, names: new Map([['otp', 0]]) };
  const urgent = ['Priority', 'u=0'];

  test('0 beside a flood at 7 is sent with the next slot', async () => {
    const senders = [flood('campaign', { fields: ['Priority', 'u=7'] }), { name: 'otp', rate: 10, fields: urgent }];
    const { storyOf } = await play(senders, 60_000, { bestUrgency });
    expect(worst(storyOf('otp', 5_000))).toBeLessThanOrEqual(1_000 / rate + 1);
    expect(storyOf('campaign', 5_000).sent).toBeGreaterThan(0);
  });

  test('0 that floods as well leaves a flood at 7 its part: nobody waits for ever', async () => {
    const senders = [flood('campaign', { fields: ['Priority', 'u=7'] }), flood('otp', { fields: urgent })];
    const { sentWithin } = await play(senders, 120_000, { bestUrgency });
    const [campaign, otp] = sentWithin(10_000, 110_000) as [number, number];
    expect(campaign).toBeGreaterThanOrEqual(Math.floor((100 * rate) / 129) - 1);
    expect(otp / campaign).toBeCloseTo(128, -1);
  });

  test('lets what is urgent go before the campaign of the same caller, without anybody’s leave', async () => {
    const campaign: Sender = flood('campaign', { user: 'anna', fields: ['Priority', 'u=6'] });
    const senders = [campaign, { name: 'otp', user: 'anna', rate: 2 }, flood('bob'), flood('carl')];
    const { storyOf, sentWithin } = await play(senders, 40_000);
    // Anna has every third turn, and what is urgent is the first to get one.
    expect(worst(storyOf('otp', 5_000))).toBeLessThanOrEqual((4 / rate) * 1_000 + 1);
    // Weighing her own requests costs her something only while nothing urgent waits: that is what she said.
    const [anna, , bob, carl] = sentWithin(10_000, 40_000) as [number, number, number, number];
    expect(anna).toBeGreaterThan(0);
    expect(jain([bob, carl])).toBeGreaterThanOrEqual(0.99);
  });

  test('is worth twice as much with each step, for floods side by side', async () => {
    const floods = [3, 4, 5].map((urgency) => flood(`at ${urgency}`, { fields: ['Priority', `u=${urgency}`] }));
    const { sentWithin } = await play(floods, 40_000);
    const [at3, at4, at5] = sentWithin(10_000, 40_000) as [number, number, number];
    expect(at3 / at4).toBeCloseTo(2, 1);
    expect(at4 / at5).toBeCloseTo(2, 1);
  });

  test('better than a caller may have is of no use to it', async () => {
    const senders = [flood('modest'), flood('pushy', { fields: urgent })];
    const { sentWithin } = await play(senders, 60_000);
    expect(jain(sentWithin(10_000, 60_000))).toBeGreaterThanOrEqual(0.99);
  });
});

describe('Idleness', () => {
  test('saves no turns up, and leaves no debt', async () => {
    // One is there all the time, one was away for 30 s, one has floods behind it.
    const away = flood('back', { until: 5_000, patienceMs: 2_000 });
    const senders = [flood('steady'), away, flood('back again', { from: 40_000 })];
    const { sentWithin } = await play(senders, 60_000);
    const [steady, , again] = sentWithin(40_000, 60_000) as [number, number, number];
    expect(jain([steady, again])).toBeGreaterThanOrEqual(0.99);
    const [firstSteady, , firstAgain] = sentWithin(40_000, 41_000) as [number, number, number];
    expect(Math.abs(firstSteady - firstAgain)).toBeLessThanOrEqual(2);
  });
});

describe('Whoever may wait', () => {
  test('is served or told within the hold time, however many there are', async () => {
    const light = many(10, (name) => ({ name: `light ${name}`, rate: 1 }));
    const { storyOf } = await play([...many(10, flood), ...light], 45_000);
    for (let i = 0; i < 10; i++) {
      expect(worst(storyOf(`caller ${i}`))).toBeLessThanOrEqual(30_000);
      expect(storyOf(`light caller ${i}`, 5_000, 44_000).refused).toBe(0);
    }
  });
});
