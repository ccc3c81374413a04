import { describe, expect, test } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { createPasswords, passwordsDefaults } from '../../src/adapters/node/passwords.ts';
import { type Passwords, type PasswordTurn, StoreAway } from '../../src/auth/ports.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { cheapPasswords } from '../support/webapp.ts';

async function turnOf(passwords: Passwords): Promise<PasswordTurn> {
  const turn = await passwords.enter();
  if (turn.kind === 'busy') throw new Error('There was no turn.');
  return turn;
}

describe('A password hash', () => {
  test('is argon2id in PHC form, with its parameters, salted anew each time', async () => {
    using turn = await turnOf(createPasswords(cheapPasswords, machineClock));
    const [one, two] = [await turn.hash('Abcdef1!'), await turn.hash('Abcdef1!')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    expect(await turn.verify('Abcdef1!', one)).toBe('right');
    expect(await turn.verify('Abcdef1?', one)).toBe('wrong');
    expect(await turn.verify('', one)).toBe('wrong');
    expect(await turn.verify('Abcdef1!', null)).toBe('wrong');
  });

  test('made elsewhere verifies: the vector of the argon2 command line tool', async () => {
    using turn = await turnOf(createPasswords(cheapPasswords, machineClock));
    const hash = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
    expect(await turn.verify('password', hash)).toBe('outdated');
    expect(await turn.verify('Password', hash)).toBe('wrong');
  });

  test.each([
    ['more memory', { memoryKib: 16 }],
    ['more passes', { passes: 2 }],
  ])('of other parameters is outdated: %s', async (_, change) => {
    using turn = await turnOf(createPasswords(cheapPasswords, machineClock));
    using raised = await turnOf(createPasswords({ ...cheapPasswords, ...change }, machineClock));
    const hash = await turn.hash('Abcdef1!');
    expect(await raised.verify('Abcdef1!', hash)).toBe('outdated');
    expect(await raised.verify('wrong', hash)).toBe('wrong');
    expect(await raised.verify('Abcdef1!', await raised.hash('Abcdef1!'))).toBe('right');
  });

  test.each([
    ['nothing', ''],
    ['another algorithm', '$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['another version', '$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['a memory of 10 GB', '$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['no passes', '$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA'],
    ['an empty tag', '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$'],
    ['a part too many', '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA$'],
  ])('that Weir could not have written is the store’s fault: %s', async (_, hash) => {
    using turn = await turnOf(createPasswords(cheapPasswords, machineClock));
    await expect(turn.verify('Abcdef1!', hash)).rejects.toThrow(StoreAway);
  });

  test('by default costs at least what OWASP recommends', () => {
    expect(passwordsDefaults).toMatchObject({ memoryKib: 19_456, passes: 2, lanes: 1 });
  });
});

describe('Turns to hash', () => {
  const bounds = { ...cheapPasswords, turnsMax: 2, waitersMax: 3, waitMaxMs: 1_000 };

  test('are given in the order of asking; nobody is passed by a newcomer', async () => {
    const passwords = createPasswords(bounds, new VirtualClock());
    const held = [await turnOf(passwords), await turnOf(passwords)];
    const order: string[] = [];
    const ask = async (who: string): Promise<void> => {
      held.push(await turnOf(passwords));
      order.push(who);
    };
    const waiting = ['first', 'second', 'third'].map(ask);
    held.shift()?.[Symbol.dispose]();
    waiting.push(ask('newcomer'));
    for (const one of waiting) {
      await one;
      held.shift()?.[Symbol.dispose]();
    }
    expect(order).toEqual(['first', 'second', 'third', 'newcomer']);
  });

  test('say whether they were waited for', async () => {
    const passwords = createPasswords({ ...bounds, turnsMax: 1 }, new VirtualClock());
    const first = await turnOf(passwords);
    const second = turnOf(passwords);
    first[Symbol.dispose]();
    expect([first.waited, (await second).waited]).toEqual([false, true]);
  });

  test('are refused when too many wait, with the time that the backlog takes', async () => {
    const passwords = createPasswords(bounds, new VirtualClock());
    const turns = [await turnOf(passwords), await turnOf(passwords)];
    const waiting = [turnOf(passwords), turnOf(passwords), turnOf(passwords)];
    expect(await passwords.enter()).toEqual({ kind: 'busy', retryAfterMs: expect.toSatisfy((ms: number) => ms > 0) });
    turns[0]?.[Symbol.dispose]();
    expect((await waiting[0])?.kind).toBe('turn');
    expect(await Promise.race([passwords.enter(), Promise.resolve('waits')])).toBe('waits');
  });

  test('are refused when the wait is too long, and are not lost by it', async () => {
    const clock = new VirtualClock();
    const passwords = createPasswords({ ...bounds, turnsMax: 1 }, clock);
    const first = await turnOf(passwords);
    const late = passwords.enter();
    await clock.advance(999);
    expect(await Promise.race([late, Promise.resolve('waits')])).toBe('waits');
    await clock.advance(1);
    expect((await late).kind).toBe('busy');
    first[Symbol.dispose]();
    expect((await turnOf(passwords)).waited).toBe(false);
    expect(clock.pending).toBe(0);
  });

  test('given back twice count once', async () => {
    const passwords = createPasswords({ ...bounds, turnsMax: 1 }, new VirtualClock());
    const first = await turnOf(passwords);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await turnOf(passwords);
    expect(await Promise.race([passwords.enter(), Promise.resolve('waits')])).toBe('waits');
  });
});
