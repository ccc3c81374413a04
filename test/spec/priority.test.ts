/** What callers may say of their requests, as RFC 9218, 9651 and 7240 have it, and what a request costs. */
import { describe, expect, test } from 'vitest';
import { bestUrgencyOf } from '../../src/admission/line/urgency.ts';
import { createCosts } from '../../src/admission/rate/costs.ts';
import type { Principal } from '../../src/exchange/principal.ts';
import { waitPreferred } from '../../src/http/preference.ts';
import { urgencyAsked } from '../../src/http/priority.ts';
import { memberOf } from '../../src/http/structured.ts';

describe('A member of a dictionary', () => {
  test.each<[text: string, value: string | null]>([
    ['a', null], // True, which has no text of its own.
    ['a=1', '1'],
    ['a=-999999999999999', '-999999999999999'],
    ['a=1.5', '1.5'],
    ['a=tok/en:*', 'tok/en:*'],
    ['a=*star', '*star'],
    ['a="te\\"xt, a=2"', '"te\\"xt, a=2"'],
    ['a=:aGk=:', ':aGk=:'],
    ['a=?0', '?0'],
    ['a=@1659578233', '@1659578233'],
    ['a=%"f%c3%bc"', '%"f%c3%bc"'],
    ['a=1;q=0.5;p', '1'],
    ['  a=1  ', '1'],
    ['b=2, a=1', '1'],
    ['b=2 \t,\t a=1', '1'],
    ['a=1, a=2', '2'],
    ['a=1, a', null],
    ['a=(1 "x";y=1  :aGk=: );z', null],
    ['x=(), a=1', '1'],
    ['x;y="a, b";z=?1, a=1', '1'],
    ['xa=1', null],
    ['', null],
  ])('%j: %j', (text, value) => {
    expect(memberOf(['F', text], 'f', 'a')).toBe(value);
  });

  test('may stand in any of several fields, which are one', () => {
    expect(memberOf(['F', 'a=1', 'G', 'a=3', 'f', 'b, a=2'], 'f', 'a')).toBe('2');
    expect(memberOf(['F', 'a="1', 'F', '2"'], 'f', 'a')).toBe('"1,2"');
  });

  test.each([
    ['an upper-case key', 'A=1'],
    ['a comma at the end', 'a=1,'],
    ['a comma at the beginning', ',a=1'],
    ['two commas', 'a=1,,b=2'],
    ['no comma', 'a=1 b=2'],
    ['blanks around =', 'a = 1'],
    ['a tab within a list', 'a=1, b=(1\t2)'],
    ['an open text', 'a=1, b="x'],
    ['another escape than of a quote or backslash', 'a=1, b="\\x"'],
    ['characters outside ASCII', 'a=1, b="ü"'],
    ['an open list', 'a=1, b=(1'],
    ['a list within a list', 'a=1, b=((1))'],
    ['a parameter without a name', 'a=1;'],
    ['too many digits', 'a=1, b=1234567890123456'],
    ['too many digits behind the point', 'a=1, b=1.2345'],
    ['a point without digits', 'a=1, b=1.'],
    ['a date with a fraction', 'a=1, b=@1.5'],
    ['open bytes', 'a=1, b=:aGk='],
    ['a boolean that is none', 'a=1, b=?2'],
    ['nothing behind =', 'a=1, b='],
  ])('is not there in a field that is not well formed: %s', (_, text) => {
    expect(memberOf(['F', text], 'f', 'a')).toBeNull();
  });

  test('is found or not in the time that the length asks for, whatever the text', () => {
    // So long that squares would take minutes, on any machine.
    const long = 500_000;
    const texts = [`u=(${'1 '.repeat(long)}`, 'a;'.repeat(long), ' '.repeat(long), `u=1${' '.repeat(long)}x`];
    const quotes = ['"\\'.repeat(long), `a="${'\\"'.repeat(long)}`, '"'.repeat(long), 'a '.repeat(long)];
    for (const text of [...texts, ...quotes]) {
      urgencyAsked(['Priority', text]);
      waitPreferred(['Prefer', text]);
    }
  });
});

describe('The best urgency that a caller may have', () => {
  const best = {
    users: 4,
    admins: 2,
    names: new Map([
      ['otp', 0],
      ['chief', 5],
    ]),
  };
  const user = (name: string, role: 'ROLE_USER' | 'ROLE_ADMIN' = 'ROLE_USER'): Principal => ({
    kind: 'user',
    name,
    role,
  });

  test.each<[string, Principal, number]>([
    ['of a user', user('anna'), 4],
    ['of an admin', user('admin', 'ROLE_ADMIN'), 2],
    ['of a user by name', user('otp'), 0],
    ['of an admin by name, which goes before the role', user('chief', 'ROLE_ADMIN'), 5],
    ['of the API key is that of users', { kind: 'key' }, 4],
  ])('%s', (_, principal, urgency) => {
    expect(bestUrgencyOf(principal, best)).toBe(urgency);
  });
});

describe('The cost of a request', () => {
  const costOf = createCosts({ '/v1/media': 2, 'POST /v1/media': 5, '/v1/media/big': 9, 'DELETE /v1': 3 });

  test.each<[method: string, path: string, cost: number]>([
    ['GET', '/v1/media', 2],
    ['POST', '/v1/media', 5],
    ['POST', '/v1/media/1', 5],
    ['POST', '/v1/media/big/1', 9],
    ['POST', '/v1/mediatheque', 1],
    ['DELETE', '/v1/media', 2],
    ['DELETE', '/v1/messages', 3],
    ['POST', '/v1/messages', 1],
    ['GET', '/', 1],
  ])('%s %s: %d', (method, path, cost) => {
    expect(costOf?.(method, path)).toBe(cost);
  });

  test('is not looked at where none is set', () => {
    expect(createCosts({})).toBeNull();
  });
});
