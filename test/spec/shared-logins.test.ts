/** Many logins of one user at once: one hash for those with the same password, and a token for each. */
import { describe, expect, it } from 'vitest';
import { loginGuardDefaults } from '../../src/adapters/login-guard/guard.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { createPasswords } from '../../src/adapters/node/passwords.ts';
import { SharedLogins } from '../../src/profiles/coreapp/shared-logins.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { cheapPasswords, goodPassword, startWebapp, tokenOf, verifiedBy } from '../support/webapp.ts';

const newPassword = 'Another-Horse-2';

/** Counts what is verified, and lets it go on only when it is told to. */
function counting(options = cheapPasswords) {
  const opened = Promise.withResolvers<void>();
  const counts = { verified: 0 };
  const passwords = verifiedBy(createPasswords(options, machineClock), async (turn, password, hash) => {
    counts.verified += 1;
    await opened.promise;
    return await turn.verify(password, hash);
  });
  return { passwords, counts, open: () => opened.resolve() };
}

describe('300 logins of one user at once', () => {
  it('with the right password are one hash, and all get a token of their own', async () => {
    const { passwords, counts, open } = counting({ ...cheapPasswords, waitersMax: 4 });
    const webapp = await startWebapp({ passwords });
    const asked = Array.from({ length: 300 }, (_, i) =>
      webapp.logIn('admin', goodPassword, { remote: `192.0.2.${i % 200}` }),
    );
    open();
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map(tokenOf)).size).toBe(300);
    expect(counts.verified).toBe(1);
    expect(await webapp.statusOf(tokenOf(answers[299] as (typeof answers)[number]))).toBe(200);
    expect(webapp.trail.map(({ action, outcome, user }) => `${action} ${outcome} ${user}`)).toEqual(
      Array(300).fill('login done admin'),
    );
  });

  it('with a wrong one are tried no more often than one after the other', async () => {
    const { passwords, counts, open } = counting();
    open();
    const guard = { ...loginGuardDefaults, pair: { failures: 3, windowS: 60 } };
    const webapp = await startWebapp({ passwords, guard });
    const answers = await Promise.all(Array.from({ length: 300 }, () => webapp.logIn('admin', 'Wrong-Horse-1')));
    expect(answers.filter(({ status }) => status !== 401)).toEqual([]);
    expect(counts.verified).toBe(3);
  });

  it('do not help a wrong password that is sent beside the right one', async () => {
    const { passwords, open } = counting();
    const webapp = await startWebapp({ passwords });
    const asked = [goodPassword, 'Wrong-Horse-1', goodPassword, `${goodPassword} `].map((password) =>
      webapp.logIn('admin', password),
    );
    open();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 401, 200, 401]);
  });

  it('get no token where the password is changed before they have one', async () => {
    const { passwords, open } = counting();
    const webapp = await startWebapp({ passwords });
    const both = Promise.all([webapp.logIn('admin', goodPassword), webapp.logIn('admin', goodPassword)]);
    const admin = await webapp.accounts.findUser('admin');
    if (admin === undefined) throw new Error('There is no admin.');
    // Both have been told who the admin was before.
    await webapp.clock.settle();
    await webapp.accounts.changePassword(admin, admin.passwordHash);
    open();
    expect((await both).map(({ status }) => status)).toEqual([401, 401]);
  });

  it('with a new password each are each checked for themselves', async () => {
    const { passwords, counts, open } = counting();
    open();
    const webapp = await startWebapp({ passwords });
    const logIn = () => webapp.logIn('admin', goodPassword, { body: { new_password: newPassword } });
    const statuses = (await Promise.all([logIn(), logIn()])).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 401]);
    expect(counts.verified).toBe(2);
  });
});

describe('Whoever waits for the login of another', () => {
  it('is told to lead when that one was not right, one at a time, and forgotten when all is over', async () => {
    const clock = new VirtualClock();
    const shared = new SharedLogins(clock);
    const lead = await shared.join('mark');
    if (lead.kind !== 'lead') throw new Error('Nobody else is checked.');
    const [second, third] = [shared.join('mark'), shared.join('mark')];
    lead.settle(null);
    lead.settle(null); // Counts once.
    const next = await second;
    expect([lead.waited, next]).toEqual([false, expect.objectContaining({ kind: 'lead', waited: true })]);
    expect(await Promise.race([third, Promise.resolve('waits')])).toBe('waits');
    if (next.kind === 'lead') next.settle(null);
    const last = await third;
    if (last.kind === 'lead') last.settle(null);
    expect(await shared.join('mark')).toMatchObject({ kind: 'lead', waited: false });
    expect(clock.pending).toBe(0);
  });

  it('waits for a time and in a number that are bounded', async () => {
    const clock = new VirtualClock();
    const shared = new SharedLogins(clock);
    void shared.join('mark');
    const waiting = Array.from({ length: 1_000 }, () => shared.join('mark'));
    expect(shared.join('mark')).toEqual({ kind: 'late' });
    await clock.advance(10_000);
    const kinds = await Promise.all(waiting.map(async (one) => (await one).kind));
    expect(new Set(kinds)).toEqual(new Set(['late']));
    expect(clock.pending).toBe(0);
  });
});
