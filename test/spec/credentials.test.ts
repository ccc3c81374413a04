import { describe, expect, test } from 'vitest';
import {
  brokenPasswordRule,
  brokenUsernameRule,
  couldBeUsername,
  credentialsOf,
  takeCredentials,
} from '../../src/auth/credentials.ts';
import { basic } from '../support/basic.ts';

const b64 = (bytes: string | Buffer): string => Buffer.from(bytes).toString('base64');

describe('An Authorization field is read as', () => {
  test.each([
    ['Basic credentials', basic('admin', 'secret'), { kind: 'basic', username: 'admin', password: 'secret' }],
    ['Basic in any case', `bASIC ${b64('admin:secret')}`, { kind: 'basic', username: 'admin', password: 'secret' }],
    ['a password with colons', basic('admin', 'a:b:c'), { kind: 'basic', username: 'admin', password: 'a:b:c' }],
    ['an empty password', basic('admin', ''), { kind: 'basic', username: 'admin', password: '' }],
    ['UTF-8 beyond ASCII', basic('zoë', 'pässwörd€'), { kind: 'basic', username: 'zoë', password: 'pässwörd€' }],
    ['a bearer token', 'Bearer abc-._~+/09==', { kind: 'bearer', token: 'abc-._~+/09==' }],
    ['a bearer token in any case', 'BEARER abc', { kind: 'bearer', token: 'abc' }],
    ['more than one space', 'Bearer   abc', { kind: 'bearer', token: 'abc' }],
    ['an API key', 'Apikey k!#$%-0123456', { kind: 'apikey', key: 'k!#$%-0123456' }],
    ['ApiKey', 'ApiKey 0123456789ab', { kind: 'apikey', key: '0123456789ab' }],
    ['APIKEY', 'APIKEY 0123456789ab', { kind: 'apikey', key: '0123456789ab' }],
    ['nothing, when it is empty', '', { kind: 'none' }],
  ])('%s', (_, value, credentials) => {
    expect(credentialsOf(['Authorization', value])).toEqual(credentials);
  });

  test.each(['Authorization', 'authorization', 'AUTHORIZATION', 'aUTHORIZATION'])('named %s', (name) => {
    expect(credentialsOf(['Host', 'a', name, 'Bearer t', 'Accept', '*/*'])).toEqual({ kind: 'bearer', token: 't' });
  });

  test('nothing, when there is none', () => {
    expect(credentialsOf(['Host', 'a', 'X-Authorizatio', 'Bearer t'])).toEqual({ kind: 'none' });
  });
});

describe('A malformed Authorization field says what is wrong and never what was sent:', () => {
  test.each([
    ['a scheme alone', 'Bearer', 'unauthenticated', /needs a scheme, a space/],
    ['a scheme and a space', 'Basic ', 'unauthenticated', /needs a scheme, a space/],
    ['a bare token', 'eyJhbGciOi', 'unauthenticated', /needs a scheme, a space/],
    ['an unknown scheme', 'Digest abc', 'unauthenticated', /Basic, Bearer or Apikey/],
    ['no colon', `Basic ${b64('adminsecret')}`, 'unauthenticated', /colon/],
    ['bad base64', 'Basic a$b!', 'unauthenticated', /base64/],
    ['base64 without its padding', 'Basic YTpi0', 'unauthenticated', /base64/],
    ['bytes that are not UTF-8', `Basic ${b64(Buffer.from([0x61, 0x3a, 0xff, 0xfe]))}`, 'unauthenticated', /UTF-8/],
    ['a NUL', basic('admin', 'a\0b'), 'unauthenticated', /control/],
    ['a line feed', basic('ad\nmin', 'ab'), 'unauthenticated', /control/],
    ['a C1 control', basic('ad\u0085min', 'ab'), 'unauthenticated', /control/],
    ['a token with a space', 'Bearer abc def', 'unauthenticated', /character/],
    ['a token with a comma', 'Bearer abc,def', 'unauthenticated', /character/],
    ['a token of padding only', 'Bearer ===', 'unauthenticated', /character/],
    ['a token with padding inside', 'Bearer a=b', 'unauthenticated', /character/],
    ['a token beyond ASCII', 'Bearer tök', 'unauthenticated', /character/],
    ['a key with a space', 'Apikey 0123456 89ab', 'unauthenticated', /character/],
    ['64 KB of Basic', basic('admin', 'x'.repeat(65_536)), 'fieldsTooLarge', /longer than 8192 characters/],
  ] as const)('%s', (_, value, refusal, why) => {
    const read = credentialsOf(['Authorization', value]);
    expect(read).toEqual({ kind: 'malformed', refusal, why: expect.stringMatching(why) });
    const secret = value.slice(value.indexOf(' ') + 1, 40);
    if (secret.length > 3) expect(JSON.stringify(read)).not.toContain(secret);
  });

  test('two fields, even if they agree', () => {
    const why = expect.stringContaining('More than one');
    const read = credentialsOf(['Authorization', 'Bearer t', 'AUTHORIZATION', 'Bearer t']);
    expect(read).toMatchObject({ kind: 'malformed', refusal: 'malformed', why });
  });
});

describe('A password', () => {
  test.each([
    ['Abcdef1!', null],
    ['Päss-Wört-1', null],
    [`Aa1!${'x'.repeat(60)}`, null],
    ['Aa1!bcd', 'must have 8 to 64 characters, not 7'],
    [`Aa1!${'x'.repeat(61)}`, 'must have 8 to 64 characters, not 65'],
    ['x'.repeat(1_000_000), 'must have 8 to 64 characters, not 1000000'],
    ['Abcdefg!', 'must hold a digit'],
    ['abcdef1!', 'must hold an upper-case letter'],
    ['ABCDEF1!', 'must hold a lower-case letter'],
    ['Abcdefg1', 'must hold one of !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
    ['Abcdefg1ß', 'must hold one of !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
    ['Abcdef1!\n', 'must not hold a line feed (U+000A), character 9'],
    ['Abcdef1!\r', 'must not hold a carriage return (U+000D), character 9'],
    [`${'Abcdef1!\n'.repeat(9)}`, 'must not hold a line feed (U+000A), character 9'],
    ['😀Abc\u200bdef1!', 'must not hold a zero width space (U+200B), character 5'],
    ['\ufeffAbcdef1!', 'must not hold a byte order mark (U+FEFF), character 1'],
    ['Abcdef1!\u3164', 'must not hold an invisible character (U+3164), character 9'],
    ['Abcdef1!\ufffd', 'must not hold something that is not UTF-8, character 9'],
    ['Abcdef1!\u0007', 'must not hold a control character (U+0007), character 9'],
    ['Abcdef1!\ue000', 'must not hold a private-use character (U+E000), character 9'],
    ['Abcdef1!\u0378', 'must not hold an unassigned character (U+0378), character 9'],
    ['Abcdef1!\ud800', 'must be valid Unicode'],
    ['😀😀😀Aa1!', 'must have 8 to 64 characters, not 7'],
  ])('%j: %s', (password, rule) => {
    expect(brokenPasswordRule(password)).toBe(rule);
  });

  test.each([...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'])('may have %s as its special character', (special) => {
    expect(brokenPasswordRule(`Abcdef1${special}`)).toBeNull();
  });
});

describe('A user name', () => {
  const hidden = 'must not hold control, format or unassigned characters, nor line separators';
  test.each<[username: string, rule: string | null]>([
    ['anna', null],
    ['x'.repeat(32), null],
    ['jürgen müller', null],
    ['bob', 'must have 4 to 32 characters, not 3'],
    ['x'.repeat(33), 'must have 4 to 32 characters, not 33'],
    ['an:na', 'must not hold a colon: Basic credentials end the name there'],
    ['an/na', 'must not hold a slash or a backslash: no path could name the user'],
    ['an\\na', 'must not hold a slash or a backslash: no path could name the user'],
    ['anna;ops', 'must not hold a semicolon: in a path it would begin a parameter'],
    ...[...'\u0000\u007f\u009f\u200b\u202e\u2028\u2029\ue000\u0378'].map((one): [string, string] => [
      `anna${one}`,
      hidden,
    ]),
    ['anna\ud800', 'must be valid Unicode'],
    ['login', 'must not be login or logout: these are endpoints'],
    ['logout', 'must not be login or logout: these are endpoints'],
  ])('%j: %s', (username, rule) => {
    expect(brokenUsernameRule(username)).toBe(rule);
  });

  test('that is older than the rule about semicolons still names its user', () => {
    expect([couldBeUsername('anna;ops'), couldBeUsername('an:na')]).toEqual([true, false]);
  });
});

test.each([
  ['a token', ['Host', 'weir', 'AUTHORIZATION', 'Bearer abc', 'Accept', '*/*']],
  ['what is no credentials', ['Authorization', 'Digest abc']],
  ['nothing', ['Host', 'weir']],
])('Taken out of the fields, %s is read as before, and only its place is left', (_, fields) => {
  const left = [...fields];
  expect(takeCredentials(left)).toEqual(credentialsOf(fields));
  expect(left).toEqual(fields.map((text) => (text.endsWith(' abc') ? '' : text)));
});
