/** Names and passwords in one form each (RFC 8265), and names that could be taken for one another. */
import { argon2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loginGuardDefaults } from '../../src/adapters/login-guard/guard.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { createPasswords } from '../../src/adapters/node/passwords.ts';
import { formatPhc } from '../../src/adapters/node/phc.ts';
import { brokenPasswordRule, brokenUsernameRule } from '../../src/auth/credentials.ts';
import type { Accounts } from '../../src/auth/ports.ts';
import { likenessOf, passwordForm, usernameForm } from '../../src/auth/precis.ts';
import { cheapPasswords, goodPassword, startWebapp, withToken } from '../support/webapp.ts';

const nfc = 'zoë jürgen'.normalize('NFC');
const nfd = nfc.normalize('NFD');
const pathOf = (name: string): string => `/v1/users/${encodeURIComponent(name)}`;

/** As an older Weir hashed it: the text as it was sent. */
function oldHash(password: string): string {
  const { memoryKib, passes, lanes } = cheapPasswords;
  const salt = Buffer.alloc(16, 7);
  const tag = argon2Sync('argon2id', {
    message: password,
    nonce: salt,
    memory: memoryKib,
    passes,
    parallelism: lanes,
    tagLength: 32,
  });
  return formatPhc({ memoryKib, passes, lanes, salt, tag });
}

async function old(accounts: Accounts, name: string, password = goodPassword): Promise<void> {
  const user = { name, role: 'ROLE_USER', passwordHash: oldHash(password), mustChangePassword: false } as const;
  if (!(await accounts.addUser(user))) throw new Error(`${name} is there already.`);
}

describe('The form', () => {
  it.each([
    ['of a name is NFC', usernameForm, nfd, nfc],
    ['of a name keeps case', usernameForm, 'ANNA', 'ANNA'],
    ['of a name is neither full-width nor half-width', usernameForm, 'ａｄｍｉｎ', 'admin'],
    ['of a password is NFC', passwordForm, 'Pa\u0308ss', 'Päss'],
    ['of a password has one kind of blank', passwordForm, 'a\u00a0b\u2003c\u3000d', 'a b c d'],
    ['of a password keeps full-width characters and blanks at its ends', passwordForm, ' Ａ ', ' Ａ '],
  ])('%s', (_, form, given, wanted) => {
    expect(form(given)).toBe(wanted);
    expect(form(wanted)).toBe(wanted);
  });
});

describe('A new user name', () => {
  it.each([
    ['admin ', 'must not begin or end with a blank'],
    [' admin', 'must not begin or end with a blank'],
    ['anna  berta', 'must not hold two blanks in a row'],
    ['аdmin', 'must be in one script'],
    ['αdmin', 'must be in one script'],
    ['annaᎪ', 'must be in one script'],
    ['ᎪᎠᎷᎥᏁ', 'must be in one script'],
    ['ﬁrst', 'must not hold letters in special forms'],
    ['anna²', 'must hold only letters'],
    ['😀😀😀😀', 'must hold only letters'],
    ['anna\u00a0b', 'must hold only letters'],
    ['\u0661\u0662\u06f3\u06f4', 'must not mix Arabic digits'],
    ['-שלום', 'must begin and end with a letter'],
    ['שלום-', 'must begin and end with a letter'],
  ])('is refused: %j %s', (name, rule) => {
    expect(brokenUsernameRule(usernameForm(name))).toContain(rule);
  });

  it.each([
    'anna',
    'Anna',
    'ops-team_2@example.com',
    nfc,
    'сергей',
    'Ελένη',
    '山田さくら',
    'ヤマダ taro',
    '김철수민',
    'שלום',
    'שלום123',
    'हिन्दी',
    'สมชาย',
  ])('may be %j', (name) => {
    expect(brokenUsernameRule(usernameForm(name))).toBeNull();
  });

  it.each([
    ['admin', 'ADMIN'],
    ['admin', 'admin '],
    ['admin', ' Admin\u00a0'],
    ['admin', 'аdmin'],
    ['admin', 'ａｄｍｉｎ'],
    ['admin', 'ad\u200bmin'],
    [nfc, nfd.toUpperCase()],
    ['HAPPY', 'НАРРУ'],
    ['coco', 'сосо'],
  ])('%j is like %j', (one, other) => {
    expect(likenessOf(one)).toBe(likenessOf(other));
  });

  it.each([
    ['anna', 'anne'],
    ['zoe1', 'zoë1'],
    ['user1', 'userl'],
    ['ad min', 'admin'],
  ])('%j is not like %j', (one, other) => {
    expect(likenessOf(one)).not.toBe(likenessOf(other));
  });
});

describe('A password', () => {
  const turnOf = async () => {
    const turn = await createPasswords(cheapPasswords, machineClock).enter();
    if (turn.kind === 'busy') throw new Error('There was no turn.');
    return turn;
  };

  it('is right in whatever form it is typed', async () => {
    using turn = await turnOf();
    const hash = await turn.hash('Pa\u0308ss Wort-1');
    for (const typed of ['Päss Wort-1', 'Pa\u0308ss Wort-1', 'Päss\u00a0Wort-1']) {
      expect(await turn.verify(typed, hash), typed).toBe('right');
    }
    expect(await turn.verify('Pass Wort-1', hash)).toBe('wrong');
  });

  it('that was hashed as it was sent goes on being right as it was sent, and is hashed anew', async () => {
    using turn = await turnOf();
    const hash = oldHash('Pa\u0308sswort-1');
    expect(await turn.verify('Pa\u0308sswort-1', hash)).toBe('outdated');
    expect(await turn.verify('Pa\u0308sswort-2', hash)).toBe('wrong');
    expect(await turn.verify('Pa\u0308sswort-1', null)).toBe('wrong');
  });

  it('has to keep its rules in its form', () => {
    expect(brokenPasswordRule(`Aa1!${'a\u0308'.repeat(60)}`)).toBeNull();
    expect(brokenPasswordRule(`Aa1!${'a\u0308'.repeat(61)}`)).toBe('must have 8 to 64 characters, not 65');
  });
});

describe('A user', () => {
  it('logs in, and is found by its path, in whatever form its name is typed', async () => {
    const webapp = await startWebapp();
    await webapp.user(nfd);
    for (const name of [nfc, nfd]) {
      const fields = withToken(await webapp.token(name, goodPassword));
      for (const path of [nfc, nfd]) {
        const answer = await webapp.ask('GET', pathOf(path), { fields });
        expect(answer.json.users).toEqual([{ username: nfc, ROLES: 'ROLE_USER' }]);
      }
      const body = { password: goodPassword };
      expect((await webapp.ask('PUT', pathOf(name), { fields, body })).status).toBe(200);
    }
    expect((await webapp.askAsAdmin('DELETE', pathOf(nfd))).status).toBe(200);
    expect(await webapp.accounts.findUser(nfc)).toBeUndefined();
  });

  it('of an older Weir goes on: a name and a password that were stored as they were sent', async () => {
    const { accounts, token, ask, logIn } = await startWebapp();
    const password = 'Pa\u0308sswort-1';
    for (const name of [nfd, 'ADMIN', 'admin ', 'аdmin', 'anna;ops']) {
      await old(accounts, name, password);
      const fields = withToken(await token(name, password));
      expect((await ask('GET', pathOf(name), { fields })).json.users).toEqual([{ username: name, ROLES: 'ROLE_USER' }]);
      expect((await ask('GET', pathOf('admin'), { fields })).status).toBe(403);
      // The hash is of the password's form now.
      expect(await token(name, password.normalize('NFC'))).toHaveLength(43);
    }
    expect(await token(nfc, password)).toHaveLength(43);
    expect((await logIn('Admin', goodPassword)).status).toBe(401);
  });

  it('of an older Weir that has a twin in another form is not taken for it', async () => {
    const { accounts, token, ask, logIn } = await startWebapp();
    await old(accounts, nfc, 'One-Horse-1');
    await old(accounts, nfd, 'Two-Horses-2');
    const [one, two] = [withToken(await token(nfc, 'One-Horse-1')), withToken(await token(nfd, 'Two-Horses-2'))];
    expect((await logIn(nfc, 'Two-Horses-2')).status).toBe(401);
    expect((await ask('GET', pathOf(nfd), { fields: one })).status).toBe(403);
    expect((await ask('PUT', pathOf(nfc), { fields: two, body: { password: goodPassword } })).status).toBe(403);
    expect((await ask('GET', pathOf(nfd), { fields: two })).json.users).toEqual([
      { username: nfd, ROLES: 'ROLE_USER' },
    ]);
  });

  it.each([
    ['admin', 'ADMIN', '"ADMIN" could be taken for "admin"'],
    ['admin', 'ａｄｍｉｎ', '"admin" is taken'],
    ['HAPPY', 'НАРРУ', '"НАРРУ" could be taken for "HAPPY"'],
    [nfc, nfd, `"${nfc}" is taken`],
    [nfd, nfc, `"${nfc}" could be taken for "${nfd}"`],
    ['Anna ', 'anna', '"anna" could be taken for "Anna "'],
  ])('%j has no twin %j', async (there, twin, words) => {
    const { accounts, askAsAdmin } = await startWebapp();
    if (there !== 'admin') await old(accounts, there);
    const answer = await askAsAdmin('POST', '/v1/users', { username: twin, password: goodPassword });
    expect(answer).toMatchObject({ status: 409, error: { code: 1004, details: `The user name ${words}.` } });
  });

  it('has no twin that is made at the same moment', async () => {
    const { ask, token } = await startWebapp();
    const fields = withToken(await token('admin', goodPassword));
    const answers = await Promise.all(
      ['anna', 'ANNA', 'Anna', 'аnnа'].map((username) =>
        ask('POST', '/v1/users', { fields, body: { username, password: goodPassword } }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 400, 409, 409]);
  });

  it('is guessed at no more often for the forms of its name', async () => {
    const webapp = await startWebapp({ guard: { ...loginGuardDefaults, pair: { failures: 3, windowS: 60 } } });
    await webapp.user(nfc);
    for (const name of [nfc, nfd, nfc]) await webapp.logIn(name, 'Wrong-Horse-1');
    const answer = await webapp.logIn(nfd, goodPassword);
    expect(answer.error?.details).toMatch(/Too many failed logins/);
  });
});
