/** Whatever comes, in whatever order: arrivals, hang-ups, answers, refusals, pauses, stores that answer late or fail. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Buckets } from '../../src/admission/rate/ports.ts';
import { type Grant, reserve } from '../../src/admission/rate/slots.ts';
import type { PermitEnd } from '../../src/exchange/exchange.ts';
import type { EndpointClass } from '../../src/exchange/route.ts';
import { excess, noNarrow, tolerance } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';
import { pushBack } from '../support/redis-bucket.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

const classes = ['messages', 'contacts', 'media'] as const satisfies EndpointClass[];
const holdMaxMs = 3_000;

interface Arrival {
  readonly afterMs: number;
  readonly name: (typeof classes)[number];
  readonly user: string;
  readonly urgency: number;
  /** `Prefer: wait`, seconds. */
  readonly wait: number | null;
  readonly hangUpAfterMs: number | null;
  /** What the Coreapp does with each of its attempts; it answers the ones after. */
  readonly attempts: readonly { readonly takesMs: number; readonly how: PermitEnd; readonly pauseMs: number }[];
}

interface Scene {
  readonly arrivals: readonly Arrival[];
  readonly rate: number;
  readonly burst: number;
  readonly permitsMax: number;
  readonly lineMaxRequests: number;
  readonly callerShareMax: number;
  /** Where each class's number of permits begins. */
  readonly permitsInitial: number;
  /** How each call to the store goes: how long it takes, and whether it fails. None: the buckets are in the process. */
  readonly store: readonly { readonly ms: number; readonly fails: boolean }[];
}

const shortMs = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 20, noNaN: true }), fc.nat(400));
const scenes: fc.Arbitrary<Scene> = fc.record({
  arrivals: fc.array(
    fc.record({
      afterMs: shortMs,
      name: fc.constantFrom(...classes),
      user: fc.constantFrom('a', 'b', 'c'),
      urgency: fc.constantFrom(0, 3, 3, 7),
      wait: fc.constantFrom(null, null, null, 0, 1, 2),
      hangUpAfterMs: fc.option(fc.nat(2_000), { freq: 3 }),
      attempts: fc.array(
        fc.record({
          takesMs: fc.oneof(shortMs, shortMs, fc.nat(1_500)),
          how: fc.constantFrom<PermitEnd[]>('answered', 'refused', 'refused', 'failed', 'unused'),
          pauseMs: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(8_000)),
        }),
        { maxLength: 5 },
      ),
    }),
    { minLength: 1, maxLength: 80, size: 'max' },
  ),
  rate: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.5, max: 20, noNaN: true })),
  burst: fc.integer({ min: 1, max: 40 }),
  permitsMax: fc.integer({ min: 1, max: 12 }),
  lineMaxRequests: fc.integer({ min: 1, max: 30 }),
  callerShareMax: fc.constantFrom(1, 0.9, 0.5),
  permitsInitial: fc.integer({ min: 1, max: 12 }),
  store: fc.array(fc.record({ ms: fc.double({ min: 0, max: 30, noNaN: true }), fails: fc.boolean() }), {
    maxLength: 9,
  }),
});

/** A store that takes its time and fails now and then. */
function moodyStore(clock: VirtualClock, moods: Scene['store']): Buckets {
  const tats = new Map<string, number>();
  let calls = 0;
  const travel = (ms: number) => new Promise<void>((arrive) => void clock.after(ms, arrive));
  return {
    async reserve(name, quota, want): Promise<Grant> {
      const { ms, fails } = moods[calls++ % moods.length] as Scene['store'][number];
      await travel(ms);
      if (fails) throw new Error('The store is away.');
      const nowUs = clock.now() * 1_000;
      const demand = { want, leadUs: 60_000, horizonUs: 100_000, replicas: 1, floorUs: Number.NEGATIVE_INFINITY };
      const { tat, grant } = reserve(tats.get(name) ?? nowUs, nowUs, quota, demand);
      tats.set(name, tat);
      await travel(ms);
      return grant;
    },
    async pushBack(name, quota, byMs): Promise<void> {
      const { ms, fails } = moods[calls++ % moods.length] as Scene['store'][number];
      await travel(ms);
      if (fails) return;
      const nowUs = clock.now() * 1_000;
      const sharing = { horizonUs: 100_000, replicas: 1 };
      tats.set(name, pushBack(tats.get(name) ?? nowUs, nowUs, quota, sharing, byMs * 1_000));
    },
    ...noNarrow,
    configure() {},
    spent() {},
    forget() {},
  };
}

/** Requests of media cost two slots. Everybody may be as urgent as it likes. */
const order = {
  costOf: (_method: string, path: string) => (path === '/v1/media' ? 2 : 1),
  bestUrgency: { users: 0, admins: 0, names: new Map<string, number>() },
};

const fieldsOf = ({ urgency, wait }: Arrival): string[] => [
  ...['Priority', `u=${urgency}`],
  ...(wait === null ? [] : ['Prefer', `wait=${wait}`]),
];

const holdMsOf = ({ wait }: Arrival): number => (wait === null ? holdMaxMs : Math.max(100, wait * 1_000));

/**
 * An older one of the class, caller and urgency still waits; but for one that comes back this instant, whose permit went to
 * the next, and one that was refused again, which rests and lets others pass.
 */
function isOvertaken(other: Visit, visit: Visit, now: number): boolean {
  if (other.kind !== visit.kind || other.state !== 'waiting' || other.downstream.gone || other.stoodSince === now)
    return false;
  if (other.exchange.refusals > 1) return false;
  return other.exchange.joinedAt < visit.exchange.joinedAt;
}

/** It waits, and not because it or another of its caller's was refused: the pause of one caller is not that of others. */
function mayGo({ class: name, state, downstream, kind }: Visit, visits: ReadonlyMap<Visit, Arrival>): boolean {
  if (state !== 'waiting' || downstream.gone) return false;
  const [, user] = kind.split(' ');
  return ![...visits].some(
    ([visit, arrival]) => visit.class === name && arrival.user === user && visit.exchange.refusals > 0,
  );
}

/** Plays a scene to its end and checks its laws on the way. */
async function play(scene: Scene) {
  const { rate, burst, permitsMax, lineMaxRequests, callerShareMax, store } = scene;
  const limits = { rate, burst, holdMaxMs, lineMaxRequests, callerShareMax };
  const visits = new Map<Visit, Arrival>();
  const sends = new Map<EndpointClass, number[]>(classes.map((name) => [name, []]));
  const broken: string[] = [];
  let taken = 0;
  let returned = 0;
  const lines: Lines = new Lines({
    limits: Object.fromEntries(classes.map((name) => [name, limits])),
    permitsMax,
    permitsInitial: Math.min(permitsMax, scene.permitsInitial),
    ...order,
    ...(store.length === 0 ? {} : { buckets: (clock: VirtualClock) => moodyStore(clock, store) }),
    onSent(visit) {
      const now = lines.clock.now();
      taken += 1;
      if (lines.admit.budget.inUse > permitsMax) broken.push(`${visit.label} has a permit too many`);
      sends.get(visit.class)?.push(now);
      for (const other of visits.keys()) {
        if (isOvertaken(other, visit, now)) broken.push(`${visit.label} overtook ${other.label} at ${now}`);
      }
      const attempt = visits.get(visit)?.attempts[visit.ends.filter(({ kind }) => kind === 'sent').length - 1];
      lines.clock.after(attempt?.takesMs ?? 5, () => {
        returned += 1;
        if (attempt?.how === 'refused' && !visit.downstream.gone) lines.sendBack(visit, attempt.pauseMs, 'refused');
        else lines.answer(visit, attempt?.how ?? 'answered');
      });
    },
  });
  for (const arrival of scene.arrivals) {
    await lines.clock.advance(arrival.afterMs);
    const passed = [...visits.keys()].find((other) => other.class === arrival.name && mayGo(other, visits));
    const { name, user } = arrival;
    const visit = lines.arrive(String(visits.size), { name, user, fields: fieldsOf(arrival) });
    if (visit.state === 'sent' && passed) broken.push(`${visit.label} was sent at once past ${passed.label}`);
    visits.set(visit, arrival);
    if (arrival.hangUpAfterMs !== null) lines.clock.after(arrival.hangUpAfterMs, () => visit.downstream.hangUp());
  }
  await lines.clock.advance(holdMaxMs + 5_000);
  return { lines, limits, visits, sends, taken, returned, broken };
}

describe('Whatever the order of events', () => {
  test('each stay in line ends once, permits come back, nobody is left, nothing is pending, and the limit holds', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const { lines, limits, visits, sends, taken, returned, broken } = await play(scene);
        expect(broken).toEqual([]);
        for (const { ends, downstream, state } of visits.keys()) {
          expect(state).not.toBe('waiting');
          // All stays but the last ended in sending.
          expect(ends.slice(0, -1).every(({ kind }) => kind === 'sent')).toBe(true);
          if (ends.at(-1)?.kind === 'gone') expect(downstream.gone).toBe(true);
        }
        expect(returned).toBe(taken);
        expect(lines.admit.budget.inUse).toBe(0);
        for (const name of classes) {
          expect(lines.line(name)).toMatchObject({ requests: 0, oldestMs: 0 });
          expect(excess(limits, sends.get(name) ?? [])).toBeLessThanOrEqual(tolerance(limits) + 1e-6);
        }
        expect(lines.clock.pending).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test('nobody waits longer than its hold time', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const { visits } = await play(scene);
        for (const [{ ends, exchange }, arrival] of visits) {
          for (const { kind, at } of ends) {
            const ageMs = at - exchange.joinedAt;
            // One that was in flight when its time ended is refused when it comes back.
            if (kind === 'sent' || kind === 'gone') expect(ageMs).toBeLessThanOrEqual(holdMsOf(arrival));
            if (kind === 'lineFull') expect(ageMs).toBe(0);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
