/** Turns to hash a password, in virtual time: whoever floods them, others go on logging in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPasswords } from '../../src/adapters/node/passwords.ts';
import { type Asker, Places, type Standing, standings, type Waiter } from '../../src/auth/places.ts';
import type { Passwords } from '../../src/auth/ports.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { cheapPasswords } from '../support/webapp.ts';

const hashMs = 40;
const asker = (user: string, address: string, standing: Standing = 'known'): Asker => ({ user, address, standing });

class Scene {
  readonly clock = new VirtualClock();
  readonly passwords: Passwords;

  constructor(turnsMax: number) {
    this.passwords = createPasswords({ ...cheapPasswords, turnsMax, waitersMax: 256, waitMaxMs: 10_000 }, this.clock);
  }

  /** Hashes once, as virtual time passes. How long it waited, milliseconds; null: it was refused. */
  async hash(who: Asker): Promise<number | null> {
    const since = this.clock.now();
    const turn = await this.passwords.enter(who);
    if (turn.kind === 'busy') return null;
    const waited = this.clock.now() - since;
    await new Promise<void>((done) => void this.clock.after(hashMs, done));
    turn[Symbol.dispose]();
    return waited;
  }

  /** For as long as the scene lasts: as soon as one is answered the next one comes. */
  flood(count: number, who: (i: number) => Asker): void {
    for (let i = 0; i < count; i++) void this.#again(i, who);
  }

  async #again(i: number, who: (i: number) => Asker): Promise<void> {
    for (let n = 0; ; n++) {
      const waited = await this.hash(who(i + n * 1_000));
      if (waited === null) await new Promise<void>((done) => void this.clock.after(1_000, done));
    }
  }
}

const floods: readonly [string, (i: number) => Asker][] = [
  ['one user logs in 300 times at once', () => asker('anna', '192.0.2.1')],
  ['one user that has not been seen before logs in 300 times at once', () => asker('anna', '192.0.2.1', 'new')],
  ['one address tries 300 names', (i) => asker(`name ${i}`, '192.0.2.1', 'failed')],
];
/** An address has failed once it has tried. */
const standingOf = (i: number): Standing => (i < 1_000 ? 'new' : 'failed');

describe.each([1, 2, 3])(
  'With %i at a time, a user’s login waits a few turns and is never refused while',
  (turnsMax) => {
    it.each<[string, (i: number) => Asker]>([
      ...floods,
      ['one user logs in from 300 addresses', (i) => asker('anna', `192.0.2.${i}`)],
      ['one address tries this user’s password', () => asker('berta', '192.0.2.1', 'failed')],
      ['300 addresses try the passwords of many', (i) => asker(`name ${i}`, `192.0.2.${i}`, standingOf(i))],
      ['300 addresses try this user’s password', (i) => asker('berta', `192.0.2.${i}`, standingOf(i))],
    ])('%s', async (_, who) => {
      const scene = new Scene(turnsMax);
      scene.flood(300, who);
      await scene.clock.advance(500);
      for (const [name, address] of [
        ['berta', '198.51.100.1'],
        ['carl', '198.51.100.2'],
      ] as const) {
        for (let i = 0; i < 10; i++) {
          const waiting = scene.hash(asker(name, address));
          await scene.clock.advance(4 * hashMs);
          expect(await Promise.race([waiting, Promise.resolve('waits')])).toBeLessThanOrEqual(2 * hashMs);
        }
      }
    });

    it.each<[string, (i: number) => Asker]>([
      ...floods,
      ['300 addresses that have failed go on', (i) => asker(`name ${i}`, `192.0.2.${i}`, 'failed')],
    ])('the same for its first login at all: %s', async (_, who) => {
      const scene = new Scene(turnsMax);
      scene.flood(300, who);
      await scene.clock.advance(500);
      for (let i = 0; i < 10; i++) {
        const waiting = scene.hash(asker('berta', '198.51.100.1', 'new'));
        await scene.clock.advance(8 * hashMs);
        expect(await Promise.race([waiting, Promise.resolve('waits')])).toBeLessThanOrEqual(4 * hashMs);
      }
    });
  },
);

describe('Turns to hash', () => {
  it('are given to all standings, the better ones more often', async () => {
    const scene = new Scene(1);
    const turns: Record<Standing, number> = { known: 0, new: 0, failed: 0 };
    for (const standing of standings) {
      scene.flood(20, (i) => {
        if (i >= 1_000) turns[standing] += 1;
        return asker(`${standing} ${i % 20}`, `${standing} ${i % 20}`, standing);
      });
    }
    await scene.clock.advance(700 * hashMs);
    const all = turns.known + turns.new + turns.failed;
    expect(turns.known / all).toBeCloseTo(4 / 7, 1);
    expect(turns.new / all).toBeCloseTo(2 / 7, 1);
    expect(turns.failed / all).toBeCloseTo(1 / 7, 1);
  });

  it('leave one for others: nobody has all of them', async () => {
    const { passwords } = new Scene(3);
    const anna = asker('anna', '192.0.2.1');
    for (let i = 0; i < 2; i++) expect((await passwords.enter(anna)).kind).toBe('turn');
    expect(await Promise.race([passwords.enter(anna), Promise.resolve('waits')])).toBe('waits');
    expect((await passwords.enter(asker('berta', '192.0.2.1'))).kind).toBe('turn');
  });

  it('of one address go round over the names that it brings', async () => {
    const scene = new Scene(1);
    void scene.hash(asker('zoe', '192.0.2.9'));
    for (let i = 0; i < 100; i++) void scene.hash(asker('anna', '192.0.2.1', 'new'));
    const berta = scene.hash(asker('berta', '192.0.2.1', 'new'));
    await scene.clock.advance(5 * hashMs);
    expect(await Promise.race([berta, Promise.resolve('waits')])).toBe(2 * hashMs);
  });
});

interface Party extends Waiter {
  readonly id: number;
}

describe('Places of those who wait', () => {
  const places = (waitersMax: number) => new Places<Party>({ turnsMax: 1, turnsEachMax: 1, waitersMax });

  it('may all be one’s, and are then given up to others, the latest first', () => {
    const line = places(4);
    const anna = asker('anna', '192.0.2.1');
    line.begin(anna);
    const waiting = Array.from({ length: 4 }, (_, id) => ({ id, asker: anna }));
    for (const one of waiting) expect(line.join(one)).toBeNull();
    const fifth = { id: 5, asker: anna };
    expect(line.join(fifth)).toBe(fifth);
    expect(line.join({ id: 6, asker: asker('berta', '192.0.2.1') })).toBe(waiting[3]);
    expect(line.join({ id: 7, asker: asker('carl', '192.0.2.1', 'failed') })).toBe(waiting[2]);
    const second = { id: 8, asker: asker('berta', '192.0.2.1') };
    expect(line.join(second)).toBe(second); // Anna has two: no more than Berta would have.
    expect(line.waiting).toBe(4);
  });

  it('of somebody known are found where all the others have one each', () => {
    const line = places(3);
    line.begin(asker('anna', '192.0.2.1'));
    const waiting = [1, 2, 3].map((id) => ({ id, asker: asker(`name ${id}`, `192.0.2.${id}`, 'new') }));
    for (const one of waiting) line.join(one);
    expect(line.join({ id: 4, asker: asker('berta', '198.51.100.1') })).toBe(waiting[2]);
    const again = { id: 5, asker: asker('berta', '198.51.100.1') };
    expect(line.join(again)).toBe(again);
    const stranger = { id: 6, asker: asker('carl', '198.51.100.1', 'new') };
    expect(line.join(stranger)).toBe(stranger);
  });

  it('are never more than allowed, lose nobody, and leave no turn unused, in any order of events', () => {
    const who = fc.record({
      user: fc.constantFrom('anna', 'berta', 'carl'),
      address: fc.constantFrom('192.0.2.1', '192.0.2.2'),
      standing: fc.constantFrom(...standings),
    });
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ what: fc.constant('ask' as const), who }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('end' as const, 'leave' as const), at: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 3 }), (steps, turnsMax) => {
        const turnsEachMax = Math.max(1, turnsMax - 1);
        const line = new Places<Party>({ turnsMax, turnsEachMax, waitersMax: 6 });
        const turns: Asker[] = [];
        const waiting = new Map<number, Party>();
        const groupOf = ({ user, address, standing }: Asker) => `${standing} ${standing === 'known' ? user : address}`;
        for (const [id, one] of steps.entries()) {
          if (one.what === 'ask') {
            if (line.begin(one.who)) {
              turns.push(one.who);
              continue;
            }
            const party = { id, asker: one.who };
            waiting.set(id, party);
            const out = line.join(party);
            if (out !== null) expect(waiting.delete(out.id)).toBe(true);
          } else if (one.what === 'end' && turns.length > 0) {
            const [ended] = turns.splice(one.at % turns.length, 1);
            const next = line.end(ended as Asker);
            if (next === null) continue;
            expect(waiting.delete(next.id)).toBe(true);
            turns.push(next.asker);
          } else if (one.what === 'leave' && waiting.size > 0) {
            const left = [...waiting.values()][one.at % waiting.size] as Party;
            waiting.delete(left.id);
            line.leave(left);
          }
          expect(line.waiting).toBe(waiting.size);
          expect(waiting.size).toBeLessThanOrEqual(6);
          expect(turns.length).toBeLessThanOrEqual(turnsMax);
          const of = (group: string) => turns.filter((turn) => groupOf(turn) === group).length;
          for (const turn of turns) expect(of(groupOf(turn))).toBeLessThanOrEqual(turnsEachMax);
          if (turns.length === turnsMax) continue;
          for (const { asker: idle } of waiting.values()) expect(of(groupOf(idle))).toBe(turnsEachMax);
        }
      }),
      { numRuns: 300 },
    );
  });
});
