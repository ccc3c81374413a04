/** The request target: what is forwarded, what is routed by, and what could be read in two ways. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTarget } from '../../src/model/target.ts';

describe('A target is forwarded as it came and routed by its normal form:', () => {
  test.each<[target: string, path: string]>([
    ['/', '/'],
    ['/v1/messages', '/v1/messages'],
    ['/v1/messages/', '/v1/messages'],
    ['/v1/messages///', '/v1/messages'],
    ['//v1//messages', '/v1/messages'],
    ['///', '/'],
    ['/v1/messages?to=a/../b', '/v1/messages'],
    ['/v1/messages?', '/v1/messages'],
    ['/?/v1/messages', '/'],
    ['/v1/%6Dessages', '/v1/messages'],
    ['/v1/%6dessages', '/v1/messages'],
    ['/v1/a%2Db%2E%5F%7Ec', '/v1/a-b._~c'],
    ['/v1/a%20b', '/v1/a%20b'], // A space is not unreserved, so it stays as it is.
    ['/v1/100%', '/v1/100%'],
    ['/v1/%zz', '/v1/%zz'],
    ['/v1/.well-known', '/v1/.well-known'],
    ['/v1/...', '/v1/...'],
    ['/v1/a.b', '/v1/a.b'],
    ['/v1/messages;v=1', '/v1/messages'],
    ['/v1/messages;v=1/x', '/v1/messages/x'],
    ['/v1/users/anna%3Bops', '/v1/users/anna%3Bops'],
    ['/v1/users/anna?x=;y', '/v1/users/anna'],
    ['/v1/usersx/anna;ops', '/v1/usersx/anna'],
    ['/v1/zoë', '/v1/zoë'],
  ])('%s as %s', (target, path) => {
    expect(readTarget(target)).toEqual({ kind: 'target', raw: target, path, authority: null });
  });

  test.each<[target: string, raw: string, path: string, authority: string]>([
    ['http://weir/v1/messages/?x=1', '/v1/messages/?x=1', '/v1/messages', 'weir'],
    ['https://weir:8080/v1//messages', '/v1//messages', '/v1/messages', 'weir:8080'],
    ['HTTP://WEIR/v1/messages', '/v1/messages', '/v1/messages', 'WEIR'],
    ['http://weir', '/', '/', 'weir'],
    ['http://weir?x', '/?x', '/', 'weir'],
    ['http://[::1]:80/v1/messages', '/v1/messages', '/v1/messages', '[::1]:80'],
  ])('%s, in the absolute form, as %s', (target, raw, path, authority) => {
    expect(readTarget(target)).toEqual({ kind: 'target', raw, path, authority });
  });
});

describe('A target is malformed', () => {
  test.each<[string, target: string, why: RegExp]>([
    ['with a dot segment', '/v1/./messages', /"\." or "\.\."/],
    ['with a dot segment up', '/v1/users/../messages', /"\." or "\.\."/],
    ['with one at the end', '/v1/messages/..', /"\." or "\.\."/],
    ['with one that is encoded', '/v1/%2e%2E/messages', /"\." or "\.\."/],
    ['with one that is half encoded', '/v1/.%2e/messages', /"\." or "\.\."/],
    ['with one that has parameters', '/v1/..;x/messages', /"\." or "\.\."/],
    ['with a parameter behind a user', '/v1/users/anna;ops', /sent as %3B/],
    ['with an empty parameter behind a user', '/v1/users/anna;', /sent as %3B/],
    ['with a parameter and a slash behind a user', '/v1/users/anna;ops/', /sent as %3B/],
    ['with a parameter behind the users', '/v1/users;x/anna', /sent as %3B/],
    ['with a parameter behind the login', '/v1/users/login;x', /sent as %3B/],
    ['with a parameter before an encoded "users"', '/v1;x//%75sers/anna', /sent as %3B/],
    ['with a backslash', '/v1\\messages', /backslash/],
    ['with an encoded backslash', '/v1/a%5Cb', /backslash/],
    ['with an encoded slash', '/v1%2Fmessages', /encoded slash/],
    ['with an encoded slash in lower case', '/v1/users%2flogin', /encoded slash/],
    ['with an encoded null', '/v1/a%00', /read in two ways/],
    ['with a fragment', '/v1/messages#x', /fragment/],
    ['without a slash', 'v1/messages', /has to be a path/],
    ['that is empty', '', /has to be a path/],
    ['that is an asterisk', '*', /has to be a path/],
    ['with another scheme', 'ftp://weir/v1', /has to be a path/],
    ['with an authority alone', 'weir:80', /has to be a path/],
    ['without a host', 'http:///v1', /has to be a path/],
    ['with a user', 'http://user@weir/v1', /has to be a path/],
  ])('%s', (_, target, why) => {
    expect(readTarget(target)).toEqual({ kind: 'malformed', refusal: 'malformed', why: expect.stringMatching(why) });
  });

  test('of 8,193 characters is too long, of 8,192 it is not', () => {
    const long = `/${'a'.repeat(8_191)}`;
    expect(readTarget(long)).toMatchObject({ kind: 'target' });
    expect(readTarget(`${long}a`)).toMatchObject({
      refusal: 'targetTooLong',
      why: expect.stringMatching(/8193 .*8192/),
    });
    expect(readTarget(`http://weir${long}`)).toMatchObject({ kind: 'target' });
  });
});

describe('Whatever the target', () => {
  const targets = fc
    .array(
      fc.constantFrom('/', '//', '.', '..', 'a', 'V1', '%2e', '%2F', '%6D', '%', ';', '\\', '?', '#', ' ', '%25'),
      {
        maxLength: 12,
      },
    )
    .map((parts) => `/${parts.join('')}`);

  test('its normal form is a path of which the normal form is the same', () => {
    fc.assert(
      fc.property(targets, (target) => {
        const read = readTarget(target);
        if (read.kind === 'malformed') return;
        expect(read.raw).toBe(target);
        expect(read.path).toMatch(/^\/(?:$|.*[^/]$)/);
        expect(read.path).not.toMatch(/\/\/|\/\.\.?(?:\/|$)|%2f|%5c|\\/i);
        // A percent sign that is left over may stand before two digits now, as in %%36%31: that is one step, not two.
        if (!/%.?%/.test(target)) expect(readTarget(read.path)).toMatchObject({ path: read.path });
      }),
      { numRuns: 2_000 },
    );
  });
});
