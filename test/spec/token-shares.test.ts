/** What is counted for everybody where tokens are looked up: one that takes a lot of it takes it from itself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenEntries } from '../../src/auth/token-entries.ts';
import { Turns } from '../../src/shares/turns.ts';

describe('The entries of the token cache', () => {
  const entriesOf = (max: number) => new TokenEntries({ freshMs: 5_000, keptMs: 600_000, max });
  const confirm = (entries: ReturnType<typeof entriesOf>, digest: string, user: string, now: number): void =>
    entries.confirm(
      digest,
      { user, role: 'ROLE_USER', expiresAtMs: 0 },
      { askedAt: now, expiresAt: now + 1e6, revision: entries.revision },
      now,
    );

  it('keeps what others use while one user brings thousands of tokens', () => {
    const entries = entriesOf(10);
    for (const user of ['anna', 'berta', 'carl']) confirm(entries, user, user, 0);
    for (let i = 0; i < 5_000; i++) confirm(entries, `token ${i}`, 'dora', 1);
    for (const user of ['anna', 'berta', 'carl']) expect(entries.get(user, 2)?.record.user).toBe(user);
    expect(entries.size).toBe(10);
    expect(entries.get('token 4999', 2)).toBeDefined();
    expect(entries.get('token 4992', 2)).toBeUndefined();
  });

  it('takes the oldest where all have as many', () => {
    const entries = entriesOf(3);
    for (let i = 0; i < 5; i++) confirm(entries, `token ${i}`, `user ${i}`, i);
    const left = [0, 1, 2, 3, 4].filter((i) => entries.get(`token ${i}`, 5) !== undefined);
    expect(left).toEqual([2, 3, 4]);
  });

  it('gives a user’s share back with its tokens', () => {
    const entries = entriesOf(4);
    for (let i = 0; i < 4; i++) confirm(entries, `dora ${i}`, 'dora', 0);
    entries.revokeUser('dora');
    for (let i = 0; i < 2; i++) confirm(entries, `anna ${i}`, 'anna', 1);
    for (let i = 0; i < 2; i++) confirm(entries, `berta ${i}`, 'berta', 2);
    confirm(entries, 'dora', 'dora', 3);
    const [anna, dora] = [entries.get('anna 0', 4), entries.get('dora', 4)];
    expect([anna, dora?.record.user, entries.size]).toEqual([undefined, 'dora', 4]);
  });
});

describe('Places to wait for a look-up', () => {
  it('may all be one address’s, and are given up to others, the latest first', async () => {
    const turns = new Turns({ max: 1, maxEach: 1, waitersMax: 4 });
    expect(turns.enter('flood')).toBeNull();
    const flood = [1, 2, 3, 4].map(() => turns.enter('flood'));
    expect(turns.enter('flood')).toBe(false);
    const one = turns.enter('one');
    const two = turns.enter('two');
    expect(await Promise.all([flood[3], flood[2]])).toEqual([false, false]);
    expect(turns.enter('one')).toBe(false); // The flood has two: no more than this one would have.
    expect(turns.waiting).toBe(4);
    turns.leave('flood');
    expect(await Promise.race([flood[0] as Promise<boolean>, one as Promise<boolean>])).toBe(true);
    turns.leave('one');
    expect(await two).toBe(true);
  });

  it('are never more than allowed, and whoever has none finds one, in any order of events', async () => {
    const step = fc.record({ who: fc.constantFrom('a', 'b', 'c', 'd'), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const turns = new Turns({ max: 2, maxEach: 1, waitersMax: 6 });
        const having: string[] = [];
        const places: Record<string, number> = {};
        const wait = (who: string, told: Promise<boolean>): void => {
          places[who] = (places[who] ?? 0) + 1;
          void told.then((hasTurn) => {
            places[who] = (places[who] ?? 0) - 1;
            if (hasTurn) having.push(who);
          });
        };
        for (const { who, leaves } of steps) {
          if (leaves && having.includes(who)) {
            having.splice(having.indexOf(who), 1);
            turns.leave(who);
          } else if (!leaves) {
            const own = places[who] ?? 0;
            const entered = turns.enter(who);
            if (entered === null) having.push(who);
            else if (entered === false) expect(own).toBeGreaterThan(0);
            else wait(who, entered);
          }
          await Promise.resolve();
          await Promise.resolve();
          const all = Object.values(places).reduce((sum, one) => sum + one, 0);
          expect([turns.waiting, all <= 6, having.length <= 2]).toEqual([all, true, true]);
          expect(new Set(having).size).toBe(having.length);
        }
      }),
      { numRuns: 200 },
    );
  });
});
