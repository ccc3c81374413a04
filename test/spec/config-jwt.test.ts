/** Configuration: an identity provider is named in full, or not at all. */
import { describe, expect, it } from 'vitest';
import { config, load, problems } from '../support/config.ts';

const jwt = (settings: string): string => `auth: {jwt: {${settings}}}`;
const provider = 'issuer: "https://login.example.com/", audience: whatsapp';
const url = 'jwksUrl: "https://login.example.com/keys"';
const files = { '/keys': '{"keys":[{"kty":"EC"}]}', '/empty': '{"keys":[]}', '/text': 'keys: []' };

describe('auth.jwt', () => {
  it('is off until a provider is named', () => {
    expect(config(load('{}')).auth.jwt).toBeNull();
    expect(config(load(jwt('algorithms: [EdDSA], cacheMs: 60000'))).auth.jwt).toBeNull();
  });

  it.each([
    ['from its server', url, { url: 'https://login.example.com/keys' }],
    ['from a server on this machine', 'jwksUrl: "http://127.0.0.1:8081/keys"', { url: 'http://127.0.0.1:8081/keys' }],
    ['from a file', 'jwksFile: /keys', { file: '/keys', text: files['/keys'] }],
  ])('takes keys %s', (_, given, keys) => {
    expect(config(load(jwt(`${provider}, ${given}`), {}, files)).auth.jwt).toEqual({
      issuer: 'https://login.example.com/',
      audience: 'whatsapp',
      typ: null,
      keys,
      algorithms: ['RS256', 'ES256'],
      clockToleranceMs: 10_000,
      userClaim: 'sub',
      roleClaim: null,
      adminValues: [],
      cacheMs: 600_000,
      timeoutMs: 3_000,
    });
  });

  it.each([
    ['issuer: x', ['issuer', 'audience'], ['issuer', 'jwksUrl or auth.jwt.jwksFile']],
    [`audience: x, ${url}`, ['audience', 'issuer']],
    [url, ['jwksUrl', 'issuer'], ['jwksUrl', 'audience']],
    [provider, ['issuer', 'jwksUrl or auth.jwt.jwksFile']],
    ['typ: at+jwt', ['typ', 'issuer'], ['typ', 'audience'], ['typ', 'jwksUrl or auth.jwt.jwksFile']],
    [`${provider}, ${url}, roleClaim: roles`, ['roleClaim', 'adminValues']],
    [`${provider}, ${url}, adminValues: [admin]`, ['adminValues', 'roleClaim']],
  ])('%s is half of it', (settings, ...missing) => {
    const lines = problems(load(jwt(settings))).map((line) => line.replace(/^w\.yaml:\d+:\d+: /, ''));
    const wanted = missing.map(([name, other]) => {
      const end = `give auth.jwt.${other}, too, or leave auth.jwt.${name} out`;
      return expect.stringMatching(
        `^auth.jwt.${name}: ("[^"]*"|a list) without auth.jwt.${other} is not allowed; ${end}$`,
      );
    });
    expect(lines).toEqual(wanted);
  });

  it('takes keys from one place', () => {
    expect(problems(load(jwt(`${provider}, ${url}, jwksFile: /keys`), {}, files))).toEqual([
      'w.yaml:1:125: auth.jwt.jwksFile: "/keys" next to auth.jwt.jwksUrl is not allowed; give one of them',
    ]);
  });

  it('takes a file of keys with a byte order mark, and names UTF-16', () => {
    const keys = '{"keys": [{}]}';
    const lines = (file: string) =>
      problems(load(jwt(`${provider}, jwksFile: /keys`), {}, { '/keys': file })).map((line) => line.slice(-40));
    expect(lines(`\ufeff${keys}`)).toEqual([]);
    expect(lines(Buffer.from(`\ufeff${keys}`, 'utf16le').toString())).toEqual([
      expect.stringContaining('"/keys" is UTF-16; save it as UTF-8'),
    ]);
  });

  it.each([
    ['/nowhere', 'cannot be read (no such file)'],
    ['/empty', 'holds no JSON Web Key Set'],
    ['/text', 'holds no JSON Web Key Set'],
  ])('does not start on the file of keys %s', (file, fault) => {
    const lines = problems(load(jwt(`${provider}, jwksFile: ${file}`), {}, files));
    expect(lines).toEqual([
      `w.yaml:1:82: auth.jwt.jwksFile: "${file}" ${fault}; give a JSON file such as {"keys": […]}`,
    ]);
  });

  it.each([
    ['algorithms: [RS256, HS256]', /algorithms\[1\]: "HS256" is not allowed/],
    ['algorithms: [none]', /algorithms\[0\]: "none" is not allowed/],
    ['algorithms: []', /algorithms: an empty list is not allowed/],
    ['jwksUrl: "http://login.example.com/keys"', /jwksUrl: .* give an https URL/],
    ['jwksUrl: "http://127.0.0.1.example.com/keys"', /jwksUrl: .* give an https URL/],
    ['jwksUrl: "https://user:pw@login.example.com/keys"', /jwksUrl: .* give an https URL/],
    ['clockToleranceMs: 300001', /clockToleranceMs: 300001 is not allowed; give a whole number from 0 to 300000/],
    ['userClaim: ""', /userClaim: "" is not allowed; give the name of a claim/],
    ['adminValues: admin', /adminValues: "admin" is not allowed; give a list of texts/],
  ])('%s is refused', (settings, line) => {
    expect(problems(load(jwt(settings)))).toEqual([expect.stringMatching(line)]);
  });
});
