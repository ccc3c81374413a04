/** The request target: what is forwarded, what is routed by, and what could be read in two ways. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTarget } from '../support/routes.ts';

describe('A target is forwarded as it came and routed by its normal form:', () => {
  test.each<[target: string, path: string]>([
    ['/', '/'],
    ['/v1/messages', '/v1/messages'],
    ['/v1/messages/', '/v1/messages'],
    ['/v1/messages///', '/v1/messages'],
    ['/v1//messages', '/v1/messages'],
    ['/V1/Messages', '/V1/Messages'],
    ['/v1/messages//', '/v1/messages'],
    ['/v1/a%25b', '/v1/a%25b'],
    ['/v1/a%2525', '/v1/a%2525'],
    ['/v1/%E4%BD%A0', '/v1/%E4%BD%A0'],
    ['/v1/users/a.b%20c', '/v1/users/a.b%20c'],
    ['/v1/usersx', '/v1/usersx'],
    ['/v1/users-of', '/v1/users-of'],
    ['/v2/users.json', '/v2/users.json'],
    ['/v1/messages?to=a/../b', '/v1/messages'],
    ['/v1/messages?', '/v1/messages'],
    ['/v1/messages?a[]=1&discount=10%', '/v1/messages'],
    ['/?/v1/messages', '/'],
    ['/v1/%6Dessages', '/v1/messages'],
    ['/v1/%6dessages', '/v1/messages'],
    ['/v1/a%2Db%2E%5F%7Ec', '/v1/a-b._~c'],
    ['/v1/a%20b', '/v1/a%20b'], // A space is not unreserved, so it stays as it is.
    ['/v1/.well-known', '/v1/.well-known'],
    ['/v1/...', '/v1/...'],
    ['/...', '/...'],
    ['/v1/a..b/+49', '/v1/a..b/+49'],
    ['/.well-known/x', '/.well-known/x'],
    ['/-/x', '/-/x'],
    ['/~x/y', '/~x/y'],
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
    ['http://[v7.a:b]/v1/messages', '/v1/messages', '/v1/messages', '[v7.a:b]'],
    ['http://10.0.0.1:/v1/messages', '/v1/messages', '/v1/messages', '10.0.0.1:'],
  ])('%s, in the absolute form, as %s', (target, raw, path, authority) => {
    expect(readTarget(target)).toEqual({ kind: 'target', raw, path, authority });
  });
});

test.each<[target: string, authority: string | null]>([
  ['*', null],
  ['http://weir:8080', 'weir:8080'],
])('OPTIONS %s asks about the server and not about a path (RFC 9112, 3.2.4)', (target, authority) => {
  expect(readTarget(target, 'OPTIONS')).toEqual({ kind: 'target', raw: '*', path: '*', authority });
  expect(readTarget(target, 'GET')).not.toMatchObject({ raw: '*' });
});

describe('A target is malformed', () => {
  test.each<[string, target: string, why: RegExp]>([
    ['with a percent sign at its end', '/v1/100%', /two hexadecimal digits/],
    ['with a percent sign that begins no code', '/v1/%zz', /two hexadecimal digits/],
    ...Array.from('"<>^`{|}', (one): [string, string, RegExp] => [`with ${one}`, `/v1/a${one}b`, /not encoded/]),
    ...Array.from('"<>\\^`{|}', (one): [string, string, RegExp] => [
      `with ${one} in its query`,
      `/v1/a?b=${one}`,
      /not encoded/,
    ]),
    ...['', ':80', 'a@b', 'a"b', 'a,b', 'a:b', '[::1', '[1::2::3]', '[v1.]', '::1', 'a%zz'].map(
      (host): [string, string, RegExp] => [`whose host is ${host}`, `http://${host}/v1/a`, /an http URL/],
    ),
    ['with a dot segment', '/v1/./messages', /"\." or "\.\."/],
    ['with a dot segment up', '/v1/users/../messages', /"\." or "\.\."/],
    ['with one at the end', '/v1/messages/..', /"\." or "\.\."/],
    ['with one that is encoded', '/v1/%2e%2E/messages', /"\." or "\.\."/],
    ['with one that is half encoded', '/v1/.%2e/messages', /"\." or "\.\."/],
    ['with one that has more dots, not encoded', '/v1/%2e%2e../messages', /"\." or "\.\."/],
    ['with more dots beside blanks', '/v1/....%20/messages', /"\." or "\.\."/],
    ['with one that is one without its suffix', '/v1/..json/messages', /"\." or "\.\."/],
    ['with one that is one without a blank', '/v1/+../messages', /"\." or "\.\."/],
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
    ['with an empty first segment', '//evil/v1/settings/application', /first segment .* empty/],
    ['with one alone', '//', /first segment .* empty/],
    ['with two of them', '///', /first segment .* empty/],
    ['with one before the version', '//v1//messages', /first segment .* empty/],
    ['with one that has parameters', '/;x/v1/messages', /first segment .* empty/],
    ['with one in the absolute form', 'http://weir//evil/v1/messages', /first segment .* empty/],
    ['with one behind a dot segment', '/.//evil/v1', /first segment .* empty|"\."/],
    ['with one of dots', '/.../evil', /names nothing/],
    ['with one of other signs', '/~+/evil', /names nothing/],
    ['with an encoded one', '/%2f/evil', /encoded slash/],
    ['with one that is blank', '/%20/evil', /first segment .* names nothing/],
    ['with one that a URL parser drops', '/%09/evil', /first segment .* names nothing/],
    ['with one of invisible characters', '/%E2%80%8B/evil', /first segment .* names nothing/],
    ['with a dot segment that is encoded twice', '/v1/health/%252e%252e/settings/application', /encoded twice/],
    ['with one that is encoded three times', '/v1/health/%25252e%25252e/x', /encoded twice/],
    ['with one that is encoded in pieces', '/v1/health/%25%32%65./x', /encoded twice/],
    ['with one that has blanks around', '/v1/health/..%20/x', /"\." or "\.\."/],
    ['with one that a URL parser would see', '/v1/health/.%09./x', /"\." or "\.\."/],
    ['with one that has encoded parameters', '/v1/health/..%3bx/x', /"\." or "\.\."/],
    ['with one in overlong UTF-8', '/v1/health/%c0%ae%c0%ae/x', /"\." or "\.\."/],
    ['with one in longer UTF-8', '/v1/health/%e0%80%ae%f0%80%80%ae/x', /"\." or "\.\."/],
    ['with one as old browsers encode', '/v1/health/%u002e%u002e/x', /"\." or "\.\."/],
    ['with one of wide characters', '/v1/health/%EF%BC%8E%EF%BC%8E/x', /"\." or "\.\."/],
    ['with one behind a wide percent sign', '/v1/health/%EF%BC%852e./x', /encoded twice/],
    ['with a slash that is encoded twice', '/v1/health%252fx', /encoded twice/],
    ['with a slash in overlong UTF-8', '/v1/health%c0%afx', /encoded slash/],
    ['with a wide slash', '/v1/health%EF%BC%8Fx', /encoded slash/],
    ['with a backslash that is encoded twice', '/v1/health%255cx', /encoded twice/],
    ['with a null that is encoded twice', '/v1/a%2500', /encoded twice/],
    ['that is encoded in layers', `/v1/a%${'25'.repeat(9)}61`, /more than 4 times/],
    ['with a tab', '/v1/messages\t', /blank or a control/],
    ['with a control character', '/v1/messages\x01', /blank or a control/],
    ['that could mean the users, with a blank', '/v1/users%20', /read as \/v1\/users/],
    ['that could mean them, with a suffix', '/v1/users.json', /read as \/v1\/users/],
    ['that could mean them, with more below', '/v1/users%3bx/anna', /read as \/v1\/users/],
    ['that could mean them, with a suffix before', '/v1.x/users', /read as \/v1\/users/],
    ['that could mean them, behind a segment that names nothing', '/v1/.json/users', /read as \/v1\/users/],
    ['that could mean them, in capitals', '/V1/USERS+', /read as \/v1\/users/],
    ['that could mean them, with a blank before', '/v1/%20users', /read as \/v1\/users/],
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
  const part = fc.constantFrom(
    ...['/', '//', '.', '..', 'a', 'V1', '%2e', '%2F', '%6D', '%', ';', '\\', '?', '#', ' ', '%25'],
  );
  const targets = fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join('')}`);

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
