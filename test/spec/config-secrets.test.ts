/** Configuration: secrets come in files of their own where wanted, and never show. */
import { describe, expect, it } from 'vitest';
import { readRedisUrl } from '../../src/config/redis-url.ts';
import { config, type Env, load, problems } from '../support/config.ts';

describe('secrets in files of their own', () => {
  const key = 'a-key-of-18-chars!';
  const files = {
    '/run/key': `${key}\n`,
    '/run/short': 'short\r\n',
    '/run/url': 'redis://:pw@redis\n',
  };

  it.each([
    ['without their trailing newline', '', '\n'],
    ['without what editors on Windows add: a byte order mark, and the end of the line', '\ufeff', '\r\n'],
  ])('are read, %s', (_, mark, end) => {
    const secrets = { key, url: 'redis://:pw@redis', auth: 'Bearer x y', password: 'Correct-Horse-1' };
    const written = Object.entries(secrets).map(([name, secret]) => [`/run/${name}`, mark + secret + end]);
    const env = { WA_API_KEY_FILE: '/run/key', REDIS_URL_FILE: '/run/url', WEIR_ADMIN_PASSWORD_FILE: '/run/password' };
    const loaded = load('coreapp: {authorizationFile: /run/auth}', env, Object.fromEntries(written));
    const { auth, redis, coreapp } = config(loaded);
    expect([auth.apiKey, auth.adminPassword]).toEqual([[key], secrets.password]);
    expect([redis.url, coreapp.authorization]).toEqual([secrets.url, secrets.auth]);
  });

  it('leave no file name in the configuration', () => {
    expect(JSON.stringify(config(load('auth: {apiKeyFile: /run/key}', {}, files)))).not.toMatch(/File"/);
  });

  const variable = 'from-the-environment';
  const keyFile = { WA_API_KEY_FILE: '/run/key' };
  it.each<[string, string, Env, string]>([
    ['the variable before the file’s own', 'auth: {apiKeyFile: /nowhere}', { WA_API_KEY: variable }, variable],
    ['the variable’s file before the file’s own', 'auth: {apiKey: of-the-yaml-file}', keyFile, key],
  ])('%s', (_, yaml, env, wanted) => {
    expect(config(load(yaml, env, files)).auth.apiKey).toEqual([wanted]);
  });

  const short =
    'a value of 5 characters in /run/short is not allowed; give 12 to 128 characters (visible ASCII, no spaces)';
  const absent = '"/nowhere" cannot be read (no such file); give the path of a readable file';
  const both = (file: string, value: string) =>
    `${file}: a value next to ${value} is not allowed; give ${value} or ${file}`;
  it.each<[string, Env, string]>([
    ['', { WA_API_KEY_FILE: '/run/short' }, `WA_API_KEY_FILE: ${short}`],
    ['', { WA_API_KEY_FILE: '/nowhere' }, `WA_API_KEY_FILE: ${absent}`],
    ['auth: {apiKeyFile: /nowhere}', {}, `w.yaml:1:20: auth.apiKeyFile: ${absent}`],
    ['', { ...keyFile, WA_API_KEY: key }, both('WA_API_KEY_FILE', 'WA_API_KEY')],
    ['redis: {url: "redis://h", urlFile: /run/url}', {}, `w.yaml:1:36: ${both('redis.urlFile', 'redis.url')}`],
  ])('%s %j', (yaml, env, line) => {
    expect(problems(load(yaml, env, files))).toEqual([line]);
  });
});

describe('a login of Redis apart from its URL', () => {
  const url = 'redis: {url: "redis://redis:6379/1"}';
  const files = { '/run/password': 'p@ss:w/rd %41\n', '/run/url': 'redis-sentinel://s:26379/2?master=m' };
  const urlFile = { REDIS_URL_FILE: '/run/url' };

  it.each<[string, string, Env, string]>([
    ['a password, as it is', url, { REDIS_PASSWORD: 'a#b' }, 'redis://:a%23b@redis:6379/1'],
    ['its file', url, { REDIS_PASSWORD_FILE: '/run/password' }, 'redis://:p%40ss%3Aw%2Frd%20%2541@redis:6379/1'],
    ['a user', url, { REDIS_PASSWORD: 'x', REDIS_USERNAME: 'we ir' }, 'redis://we%20ir:x@redis:6379/1'],
    ['a URL from a file', '', { ...urlFile, REDIS_PASSWORD: 'x' }, 'redis-sentinel://:x@s:26379/2?master=m'],
  ])('becomes part of it: %s', (_, yaml, env, wanted) => {
    const { redis } = config(load(yaml, env, files));
    expect(redis.url).toBe(wanted);
    expect(Object.keys(redis)).not.toContain('password');
    expect(readRedisUrl(wanted)).toMatchObject({ login: { username: env['REDIS_USERNAME'] ?? null } });
  });

  const both = 'a password next to that in redis.url is not allowed; give one of them';
  const without = (what: string, missing: string, left: string) =>
    `a ${what} without ${missing} is not allowed; give ${missing}, too, or leave ${left} out`;
  it.each<[string, Env, string]>([
    ['', { REDIS_PASSWORD: 'x' }, `REDIS_PASSWORD: ${without('password', 'redis.url', 'redis.password')}`],
    [url, { REDIS_USERNAME: 'x' }, `REDIS_USERNAME: ${without('user', 'redis.password', 'redis.username')}`],
    ['redis: {url: "redis://:y@redis"}', { REDIS_PASSWORD: 'x' }, `REDIS_PASSWORD: ${both}`],
  ])('%s %j', (yaml, env, line) => {
    expect(problems(load(yaml, env))).toEqual([line]);
  });
});

describe('what cannot be typed in a secret', () => {
  const password = 'Correct-Horse-1';
  const utf8 = (bytes: string, encoding: 'latin1' | 'utf16le'): string => Buffer.from(bytes, encoding).toString();

  const latin1 = 'holds something that is not UTF-8';
  const space = 'holds a zero width space (U+200B)';
  it.each<[string, string, string, string]>([
    ['a second newline', 'WEIR_ADMIN_PASSWORD', `${password}\n\n`, 'holds a line feed (U+000A), character 16'],
    ['a carriage return', 'WEIR_ADMIN_PASSWORD', `${password}\r`, 'holds a carriage return (U+000D), character 16'],
    ['a zero width space', 'WEIR_ADMIN_PASSWORD', `\u200b${password}`, `${space}, character 1`],
    ['bytes', 'WEIR_ADMIN_PASSWORD', utf8('P\xe4ssword-1', 'latin1'), `${latin1}, character 2`],
    ['a zero width space', 'WA_API_KEY', 'twelve-chars\n\u200btwelve-chars', `${space}, character 1 of line 2`],
    ['bytes', 'WA_API_KEY', utf8('twelve-ch\xe4rs', 'latin1'), `${latin1}, character 10`],
    ['a zero width joiner', 'REDIS_URL', 'redis://:p\u200dw@redis', 'holds a zero width joiner (U+200D), character 11'],
    ['a second newline', 'REDIS_URL', 'redis://:pw@redis\n\n', 'holds a line feed (U+000A), character 18'],
  ])('is refused with its place: %s in %s', (_, name, text, fault) => {
    const files = { '/run/secret': text };
    const length = text.replace(/\r?\n$/, '').length;
    const wanted = fault.includes('UTF-8') ? 'save it as UTF-8' : 'take it out';
    expect(problems(load('', { [`${name}_FILE`]: '/run/secret' }, files))).toEqual([
      `${name}_FILE: a value of ${length} characters in /run/secret ${fault}; ${wanted}`,
    ]);
    if (text.includes('\n')) return; // The variable has no line end of its own, so all of it counts.
    expect(problems(load('', { [name]: text }))).toEqual([
      `${name}: a value of ${length} characters ${fault}; ${wanted}`,
    ]);
  });

  it.each(['WEIR_ADMIN_PASSWORD', 'WA_API_KEY', 'REDIS_URL'])('is named where it is UTF-16: %s_FILE', (name) => {
    for (const text of [`\ufeff${password}`, password]) {
      const files = { '/run/secret': utf8(text, 'utf16le') };
      expect(problems(load('', { [`${name}_FILE`]: '/run/secret' }, files))).toEqual([
        `${name}_FILE: "/run/secret" is UTF-16; save it as UTF-8`,
      ]);
    }
    const files = { '/run/secret': Buffer.from(`\ufeff${password}`, 'utf16le').swap16().toString() };
    expect(problems(load('', { [`${name}_FILE`]: '/run/secret' }, files))).toHaveLength(1);
  });
});

describe('API keys come several at a time, so that one can replace another', () => {
  const keys = ['the-new-key-1', 'the-old-key-1'];
  const files = { '/run/keys': `${keys.join('\n')}\n` };
  it.each<[string, string, Env]>([
    ['as a list', 'auth: {apiKey: [the-new-key-1, the-old-key-1]}', {}],
    ['in one text', 'auth: {apiKey: the-new-key-1 the-old-key-1}', {}],
    ['in the variable, with a blank between them', '', { WA_API_KEY: keys.join(' ') }],
    ['in the variable, a line each', '', { WA_API_KEY: `\n${keys.join('\r\n')}\n` }],
    ['in a file, a line each', 'auth: {apiKeyFile: /run/keys}', {}],
  ])('%s', (_, yaml, env) => {
    expect(config(load(yaml, env, files)).auth.apiKey).toEqual(keys);
  });

  it('and each that is wrong is named by its place', () => {
    const wanted = 'give 12 to 128 characters (visible ASCII, no spaces)';
    const lines = problems(load(`auth:\n  apiKey: [the-new-key-1, short, 7]`));
    expect(lines).toEqual([
      `w.yaml:2:27: auth.apiKey[1]: a value of 5 characters is not allowed; ${wanted}`,
      `w.yaml:2:34: auth.apiKey[2]: a number without quotes is not allowed; ${wanted}, or up to 8 such keys: a list, or with white space between them`,
    ]);
  });
});

describe('a secret never shows', () => {
  const secret = 'Sup3r-s3cret,#1';
  it.each([
    ['too short', `auth: {apiKey: "${secret.slice(0, 11)}"}`],
    ['a password without quotes that begins like an alias', `auth:\n  adminPassword: *${secret}`],
    ['… like a tag', `auth:\n  adminPassword: !${secret}`],
    ['… like an anchor', `auth:\n  adminPassword: &${secret}`],
    ['… like a reserved character', `auth:\n  adminPassword: @${secret}`],
    ['a quote that stays open', `auth:\n  adminPassword: "${secret}`],
    ['a missing blank', `auth:\n  adminPassword:${secret}`],
    ['a missing blank between braces', `auth: {adminPassword:${secret}}`],
    ['a missing blank before another setting', `auth:\n  adminPassword:${secret}\n  apiKey: 1`],
    ['a colon inside', `auth:\n  adminPassword: x: ${secret}`],
    ['a list', `auth:\n  apiKey: [${secret}]`],
    ['several in one text', `auth:\n  apiKey: "long-enough-1 ${secret.slice(0, 11)}"`],
    ['too many', `auth:\n  apiKey: [${Array(9).fill(`"${secret}"`).join(', ')}]`],
    ['a map', `auth:\n  apiKey: {a: ${secret}}`],
    ['a Redis URL', `redis: {url: "http://u:${secret}@h"}`],
    ['credentials in the Coreapp’s URL', `coreapp: {url: "http://u:${secret}@/?h"}`],
    ['a token in the Coreapp’s URL', `coreapp: {url: "http://h?token=${secret}"}`],
    ['an Authorization value', `coreapp: {authorization: "${secret}\\u0001"}`],
  ])('%s', (_, yaml) => {
    const lines = problems(load(yaml));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/3cret|Sup3r/);
  });

  it('nor in the changes of a valid configuration', () => {
    const env = { WA_API_KEY: 'Sup3r-s3cret-key', REDIS_URL: 'redis://:Sup3r@h', WEIR_ADMIN_PASSWORD: 'Sup3r-s3cret' };
    const loaded = load('coreapp: {authorization: Bearer Sup3r}', env);
    expect(loaded.ok && loaded.changes.map(({ setting, value }) => `${setting} ${value}`)).toEqual([
      'coreapp.authorization set (not shown)',
      'redis.url set (not shown)',
      'auth.apiKey set (not shown)',
      'auth.adminPassword set (not shown)',
    ]);
  });
});
