/** One line, every order of events that there can be: the scheduler of fast-check says what happens next. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { grantOf } from '../../src/admission/rate/slots.ts';
import type { PermitEnd } from '../../src/exchange/exchange.ts';
import { noNarrow } from '../support/fleet.ts';
import { Lines, type Visit } from '../support/lines.ts';

const quota = { rate: 10, burst: 3 };
const holdMaxMs = 1_000;

const comers = fc.array(
  fc.record({
    user: fc.constantFrom('a', 'b'),
    urgency: fc.constantFrom(0, 3, 6),
    wait: fc.constantFrom(null, 0, 1),
    hangsUp: fc.boolean(),
    /** How its attempts end; those after are answered. */
    attempts: fc.array(fc.constantFrom<PermitEnd[]>('answered', 'refused', 'failed', 'unused'), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 14 },
);
const passing = fc.array(fc.constantFrom(1, 20, 99, 100, 350), { maxLength: 12 });

test('each comer gets one answer, in its turn, and permits given are permits returned', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      comers,
      passing,
      fc.integer({ min: 1, max: 3 }),
      async (s, many, steps, permitsMax) => {
        const visits: Visit[] = [];
        const attemptsOf = new Map<string, PermitEnd[]>(many.map(({ attempts }, index) => [`${index}`, [...attempts]]));
        const broken: string[] = [];
        const next = (what: string, then: () => void): void => void s.schedule(Promise.resolve(), what).then(then);
        let [taken, returned, calls] = [0, 0, 0];
        const lines: Lines = new Lines({
          permitsMax,
          limits: { messages: { ...quota, holdMaxMs } },
          bestUrgency: { users: 0, admins: 0, names: new Map() },
          buckets: () => ({
            ...noNarrow,
            pushBack() {},
            configure() {},
            spent() {},
            forget() {},
            async reserve(_name, _quota, want) {
              calls += 1;
              await s.schedule(Promise.resolve(), `store ${calls}`);
              if (calls % 4 === 0) throw new Error('The store is away.');
              return grantOf(50_000, Math.min(want, 2), quota);
            },
          }),
          onSent(visit) {
            taken += 1;
            if (taken - returned > permitsMax) broken.push(`${visit.label} has a permit too many`);
            for (const other of visits) {
              const waits = other.state === 'waiting' && other.stoodSince < lines.clock.now() && !other.downstream.gone;
              // One that was refused again rests, and lets others pass.
              if (other.exchange.refusals > 1) continue;
              const older = other.exchange.joinedAt < visit.exchange.joinedAt;
              if (waits && older && other.kind === visit.kind) broken.push(`${visit.label} overtook ${other.label}`);
            }
            next(`the Coreapp for ${visit.label}`, () => {
              returned += 1;
              const how = attemptsOf.get(visit.label)?.shift() ?? 'answered';
              if (how === 'refused' && !visit.downstream.gone) lines.sendBack(visit, 0, 'refused');
              else lines.answer(visit, how);
            });
          },
        });
        for (const [index, { user, urgency, wait, hangsUp }] of many.entries()) {
          const fields = ['Priority', `u=${urgency}`, ...(wait === null ? [] : ['Prefer', `wait=${wait}`])];
          next(`${index} comes`, () => {
            const visit = lines.arrive(`${index}`, { user, fields });
            visits.push(visit);
            if (hangsUp) next(`${index} hangs up`, () => visit.downstream.hangUp());
          });
        }
        for (const ms of steps) next(`${ms} ms`, () => lines.clock.advanceSync(ms));
        await s.waitIdle();
        for (let ms = 0; ms < 2 * holdMaxMs + 4_000; ms += 50) {
          lines.clock.advanceSync(50);
          await s.waitIdle();
        }
        expect(broken).toEqual([]);
        expect(visits).toHaveLength(many.length);
        for (const { ends, state, downstream } of visits) {
          expect(state).not.toBe('waiting');
          expect(ends.slice(0, -1).every(({ kind }) => kind === 'sent')).toBe(true);
          if (state === 'gone') expect(downstream.gone).toBe(true);
        }
        expect([returned, lines.admit.budget.inUse, lines.clock.pending]).toEqual([taken, 0, 0]);
        expect(lines.line()).toMatchObject({ requests: 0, oldestMs: 0 });
      },
    ),
    { numRuns: 200 },
  );
});
