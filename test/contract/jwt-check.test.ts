/** Tokens of an identity provider: whose they are, and every way in which they are not valid. */
import { createHmac } from 'node:crypto';
import { base64url, CompactSign, type JWTPayload } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keysFromText, keysFromUrl } from '../../src/adapters/jose/source.ts';
import { createJwtCheck, type JwtCheckOptions } from '../../src/adapters/jose/tokens.ts';
import { createMemoryEndedTokens } from '../../src/adapters/memory/ended-tokens.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { createJwtAuth, type JwtAuth } from '../../src/auth/jwt.ts';
import { type JwtCheck, StoreAway } from '../../src/auth/ports.ts';
import { newKey, type Provider, type ProviderKey, respelled, sign, startProvider } from '../support/provider.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const issuer = 'https://login.example.com/';
const audience = 'whatsapp';
const toleranceMs = 10_000;
const cooldownMs = 10_000;
const minuteMs = 60_000;

const options: JwtCheckOptions = {
  issuer,
  audience,
  typ: null,
  algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  clockToleranceMs: toleranceMs,
  userClaim: 'sub',
  roleClaim: 'realm_access.roles',
  adminValues: ['weir-admin'],
  cacheMs: 10 * minuteMs,
  awayGraceMs: 10 * minuteMs,
};

let key: ProviderKey;
let nextKey: ProviderKey;
let provider: Provider;
let clock: VirtualClock;
let warnings: Record<string, unknown>[];
let reasons: unknown[];
beforeAll(async () => {
  [key, nextKey] = [await newKey('one'), await newKey('two')];
});
beforeEach(async () => {
  provider = await startProvider(key);
  clock = new VirtualClock();
  [warnings, reasons] = [[], []];
});
afterEach(async () => await provider[Symbol.asyncDispose]());

const open = (more: Partial<JwtCheckOptions> = {}, source = keysFromUrl(provider.url, 1_000)): JwtCheck =>
  createJwtCheck(source, { ...options, ...more }, clock, {
    ...silentLog,
    warn: (message, fields) => void warnings.push({ message, ...fields }),
    debug: (_, fields) => void reasons.push(fields?.['reason']),
  });

const seconds = (inMs = 0): number => Math.floor((clock.wallMs() + inMs) / 1_000);
const claims = (more: JWTPayload = {}): JWTPayload => ({
  iss: issuer,
  aud: audience,
  sub: 'anna',
  exp: seconds(minuteMs),
  ...more,
});
const without = (name: string): JWTPayload => {
  const { [name]: _, ...rest } = claims();
  return rest;
};

describe('whose it is', () => {
  it('the user that it names, until it is over', async () => {
    expect(await open().check(await sign(key, claims()))).toEqual({
      user: 'jwt:anna',
      role: 'ROLE_USER',
      expiresAtMs: seconds(minuteMs) * 1_000 + toleranceMs,
    });
  });

  it.each(['RS256', 'PS256', 'EdDSA'])('signed with %s', async (alg) => {
    const other = await newKey('other', alg);
    provider.keys = [key, other];
    expect(await open().check(await sign(other, claims()))).toMatchObject({ user: 'jwt:anna' });
  });

  it.each<[string, JWTPayload]>([
    ['for several, Weir among them', { aud: ['calendar', audience] }],
    ['with a past nbf', { nbf: seconds0(-1) }],
    ['with an nbf and an end within the tolerance', { nbf: seconds0(9), exp: seconds0(-9) }],
    ['with a name of 128 characters', { sub: 'ü'.repeat(128) }],
  ])('%s', async (_, more) => {
    expect(await open().check(await sign(key, claims(more)))).toBeDefined();
  });

  it('the name is never one that a user of Weir’s own could have', async () => {
    for (const sub of ['admin', 'jwt:admin', 'a', 'x'.repeat(100)]) {
      expect((await open().check(await sign(key, claims({ sub }))))?.user).toBe(`jwt:${sub}`);
    }
  });

  it('of the claim that the configuration says', async () => {
    const token = await sign(key, claims({ email: 'anna@example.com' }));
    expect(await open({ userClaim: 'email' }).check(token)).toMatchObject({ user: 'jwt:anna@example.com' });
  });

  it.each<[string, string | null, JWTPayload, 'ROLE_ADMIN' | 'ROLE_USER']>([
    ['a list inside of a claim', 'realm_access.roles', { realm_access: { roles: ['x', 'weir-admin'] } }, 'ROLE_ADMIN'],
    ['a claim with dots in its name', 'https://x.y/roles', { 'https://x.y/roles': ['weir-admin'] }, 'ROLE_ADMIN'],
    ['a text', 'role', { role: 'weir-admin' }, 'ROLE_ADMIN'],
    ['a text of several', 'scope', { scope: 'openid weir-admin' }, 'ROLE_ADMIN'],
    ['another value', 'roles', { roles: ['weir-admins', 'admin'] }, 'ROLE_USER'],
    ['part of a word', 'scope', { scope: 'not-weir-admin weir-admin.' }, 'ROLE_USER'],
    ['a list in a list', 'roles', { roles: [['weir-admin']] }, 'ROLE_USER'],
    ['an object', 'roles', { roles: { 'weir-admin': true } }, 'ROLE_USER'],
    ['no such claim', 'roles', {}, 'ROLE_USER'],
    ['what every object has', 'constructor.name', {}, 'ROLE_USER'],
    ['no claim for roles at all', null, { roles: ['weir-admin'] }, 'ROLE_USER'],
  ])('an admin by its claim: %s', async (_, roleClaim, more, role) => {
    expect(await open({ roleClaim }).check(await sign(key, claims(more)))).toMatchObject({ role });
  });

  it('tells at once what can be a token of its: none of Weir’s own can', async () => {
    const tokens = open();
    expect(tokens.couldBe(await sign(key, claims()))).toBe(true);
    for (const text of [nodeSecrets.token(), '', '.', '..', 'a.b', 'a.b.', 'a..c', '.b.c', 'a.b.c.d', 'a']) {
      expect([text, tokens.couldBe(text)]).toEqual([text, false]);
    }
  });
});

describe('not valid, and why', () => {
  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['another issuer', () => sign(key, claims({ iss: 'https://login.example.org/' })), /"iss"/],
    ['no issuer', () => sign(key, without('iss')), /"iss"/],
    ['another audience', () => sign(key, claims({ aud: 'calendar' })), /"aud"/],
    ['no audience', () => sign(key, without('aud')), /"aud"/],
    ['no end', () => sign(key, without('exp')), /"exp"/],
    ['over, tolerance and all', () => sign(key, claims({ exp: seconds(-toleranceMs) })), /"exp"/],
    ['an end that is no time', () => sign(key, claims({ exp: 'tomorrow' as never })), /"exp"/],
    ['not yet, tolerance and all', () => sign(key, claims({ nbf: seconds(toleranceMs + 1_000) })), /"nbf"/],
    ['no user', () => sign(key, without('sub')), /claim sub is missing/],
    ['a user that is no text', () => sign(key, claims({ sub: 7 as never })), /claim sub is missing or no text/],
    ['an empty user', () => sign(key, claims({ sub: '' })), /claim sub must have/],
    ['too long a user', () => sign(key, claims({ sub: 'x'.repeat(129) })), /claim sub must have/],
    ...['\n', '\u202e', '\u2028', '\u2029', '\u200b'].map((hidden): [string, () => Promise<string>, RegExp] => [
      `a user with ${JSON.stringify(hidden)}`,
      () => sign(key, claims({ sub: `anna${hidden}admin` })),
      /claim sub must have/,
    ]),
    ['a signature with padding', () => sign(key, claims()).then(respelled.padded), /base64url/],
    ['a signature with a spare bit set', () => sign(key, claims()).then(respelled.spareBit), /not base64url/],
    ['a key of somebody else', () => sign({ ...nextKey, kid: 'one' }, claims()), /signature verification failed/],
    ['an unknown key', () => sign(nextKey, claims()), /no applicable key/],
    ['changed afterwards', async () => tampered(await sign(key, claims())), /signature verification failed/],
    ['an algorithm that is not listed', () => sign(key, claims()).then(headed({ alg: 'ES384' })), /"alg"/],
    ['alg none', () => unsigned('none'), /"alg"/],
    ['alg none in capitals', () => unsigned('NONE'), /"alg"/],
    ['alg HS256 with the public key as the secret', () => confused(), /"alg"/],
    ['a header that must be understood and is not', () => sign(key, claims()).then(critical), /crit|Extension/i],
    ['no JSON inside', () => 'aaaa.bbbb.cccc', /Invalid|JSON|Header/i],
    ['a payload that is no object', () => signedText('[]'), /object|JSON/i],
    ['an empty header', () => `${base64url.encode('{}')}.e30.x`, /"alg"|alg/],
  ])('%s', async (_, make, why) => {
    expect(await open().check(await make())).toBeUndefined();
    expect(reasons).toEqual([expect.stringMatching(why)]);
    expect(warnings).toEqual([]);
  });

  function tampered(token: string): string {
    const [header, , signature] = token.split('.');
    return [header, base64url.encode(JSON.stringify(claims({ sub: 'admin' }))), signature].join('.');
  }
  const headed = (header: object) => (token: string) =>
    [base64url.encode(JSON.stringify({ kid: 'one', ...header })), ...token.split('.').slice(1)].join('.');
  const critical = headed({ alg: 'ES256', crit: ['x'], x: 1 });
  const signedText = (text: string): Promise<string> =>
    new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey);
  const unsigned = (alg: string): string =>
    `${base64url.encode(JSON.stringify({ alg }))}.${base64url.encode(JSON.stringify(claims()))}.eA`;
  function confused(): string {
    const signed = `${base64url.encode('{"alg":"HS256","kid":"one"}')}.${base64url.encode(JSON.stringify(claims()))}`;
    return `${signed}.${createHmac('sha256', JSON.stringify(key.jwk)).update(signed).digest('base64url')}`;
  }

  it('a header typ other than the one that the configuration wants', async () => {
    const tokens = open({ typ: 'at+jwt' });
    const typed = (typ: string): Promise<string> => sign(key, claims(), { typ });
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt']) {
      expect(await tokens.check(await typed(typ))).toBeDefined();
    }
    for (const token of [await typed('JWT'), await sign(key, claims())]) {
      expect(await tokens.check(token)).toBeUndefined();
      expect(await open().check(token)).toBeDefined();
    }
    expect(reasons).toEqual([expect.stringMatching(/"typ"/), expect.stringMatching(/"typ"/)]);
  });

  it('once its time is over, tolerance included, to the second that was told', async () => {
    const tokens = open();
    const token = await sign(key, claims());
    const { expiresAtMs } = (await tokens.check(token)) as { expiresAtMs: number };
    await clock.advance(expiresAtMs - clock.wallMs() - 1);
    expect(await tokens.check(token)).toBeDefined();
    await clock.advance(1);
    expect(await tokens.check(token)).toBeUndefined();
  });

  it('a key that is of no use is told, once', async () => {
    const short = { ...key, jwk: { ...key.jwk, x: 'AAAA' } };
    provider.keys = [short];
    const tokens = open();
    for (let i = 0; i < 3; i++) expect(await tokens.check(await sign(short, claims()))).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });
});

describe('logged out, however its signature is written', () => {
  const respellings = Object.entries(respelled);

  it.each(
    ['ES256', 'RS256'].flatMap((alg) =>
      respellings.filter(([how]) => alg === 'ES256' || how !== 'mirrored').map(([how, of]) => [alg, how, of] as const),
    ),
  )('%s, %s', async (alg, _, respell) => {
    const signer = await newKey('signer', alg);
    provider.keys = [signer];
    const ended = createMemoryEndedTokens(clock);
    const parts = { ended, secrets: nodeSecrets, clock, meter: { storeCalled() {} } };
    const memory = { freshMs: minuteMs, keptMs: minuteMs, max: 10 };
    const [one, other] = [open(), open()].map((jwts) => createJwtAuth({ ...parts, jwts }, memory));
    const token = await sign(signer, claims());
    const variant = respell(token);
    const find = async (at: JwtAuth | undefined, text: string): Promise<unknown> =>
      await at?.tokens.find(nodeSecrets.digest(text), text);
    expect(await find(one, token)).toMatchObject({ user: 'jwt:anna' });
    await find(one, variant);
    await one?.end(token);
    for (const at of [one, other]) {
      for (const text of [token, variant]) expect(await find(at, text)).toBeUndefined();
    }
  });

  it('ECDSA’s other signature is valid before: that it ends is the logout’s doing', async () => {
    expect(await open().check(respelled.mirrored(await sign(key, claims())))).toBeDefined();
  });
});

describe('the provider’s keys', () => {
  it('are fetched once for many tokens, and not before the first', async () => {
    const tokens = open();
    expect(provider.asked).toBe(0);
    const token = await sign(key, claims());
    await Promise.all(Array.from({ length: 20 }, () => tokens.check(token)));
    expect(provider.asked).toBe(1);
  });

  it('change: a new key is found when a token names it; one that was taken away ends when the keys get old', async () => {
    const tokens = open();
    const long = claims({ exp: seconds(60 * minuteMs) });
    const [before, after] = [await sign(key, long), await sign(nextKey, long)];
    expect(await tokens.check(before)).toBeDefined();
    provider.keys = [nextKey];
    await clock.advance(cooldownMs);
    expect(await tokens.check(before)).toBeDefined();
    expect(await tokens.check(after)).toBeDefined();
    expect(await tokens.check(before)).toBeUndefined();
    provider.keys = [key];
    await clock.advance(options.cacheMs - 1);
    expect(await tokens.check(after)).toBeDefined();
    await clock.advance(1);
    expect(await tokens.check(after)).toBeUndefined();
  });

  it('are not fetched more often for names that are made up', async () => {
    const tokens = open();
    const ask = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await tokens.check(await sign({ ...nextKey, kid: `made-up-${i}` }, claims()));
    };
    await ask();
    expect(provider.asked).toBe(1);
    await clock.advance(cooldownMs);
    await ask();
    expect(provider.asked).toBe(2);
  });

  it('come from a text as well', async () => {
    const tokens = open({}, keysFromText('keys.json', JSON.stringify({ keys: [key.jwk] })));
    expect(await tokens.check(await sign(key, claims()))).toBeDefined();
    expect(await tokens.check(await sign(nextKey, claims()))).toBeUndefined();
  });

  it('of several without a name none is chosen', async () => {
    const anonymous = (one: ProviderKey): ProviderKey => ({ ...one, jwk: { ...one.jwk, kid: undefined as never } });
    provider.keys = [anonymous(key), anonymous(nextKey)];
    expect(await open().check(await sign(key, claims(), { kid: undefined }))).toBeUndefined();
    expect(reasons).toEqual([expect.stringMatching(/multiple matching keys/)]);
  });
});

describe('a provider that is away is never told as "not valid"', () => {
  const ways: Readonly<Record<string, Provider['answer']>> = {
    'answers 500': (_, response) => void response.writeHead(500).end('{"keys":[]}'),
    redirects: (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    'answers something else': (_, response) => void response.end('<html>secret</html>'),
    'answers no set of keys': (_, response) => void response.end('{"keys":{}}'),
    'answers far too much': (_, response) => void response.end(`{"keys":[${' '.repeat(300_000)}]}`),
    'hangs up': (request) => void request.socket.destroy(),
    'does not answer': () => {},
    'does not come to an end': (_, response) => void response.write('{'),
  };

  it.each(Object.entries(ways))('%s', async (_, answer) => {
    const tokens = open({}, keysFromUrl(provider.url, 1_500));
    const token = await sign(key, claims());
    provider.answer = answer;
    await expect(tokens.check(token)).rejects.toThrow(StoreAway);
    const message = 'the identity provider’s keys cannot be had';
    expect(warnings).toEqual([{ message, source: provider.url, reason: expect.stringMatching(/./) }]);
    expect(JSON.stringify(warnings)).not.toContain('secret');
    // It is left alone for a moment; then it is back.
    provider.answer = null;
    await expect(tokens.check(token)).rejects.toThrow(StoreAway);
    expect(provider.asked).toBe(1);
    await clock.advance(1_000);
    expect(await tokens.check(token)).toBeDefined();
    expect(warnings).toHaveLength(1);
  });

  it('the keys at hand go on for a time; a key that may be new is not refused', async () => {
    const tokens = open();
    const long = claims({ exp: seconds(120 * minuteMs) });
    const [known, unknown] = [await sign(key, long), await sign(nextKey, long)];
    expect(await tokens.check(known)).toBeDefined();
    provider.answer = (_, response) => void response.writeHead(503).end();
    expect(await tokens.check(unknown)).toBeUndefined();
    await clock.advance(cooldownMs);
    await expect(tokens.check(unknown)).rejects.toThrow(StoreAway);
    expect(await tokens.check(known)).toBeDefined();
    await clock.advance(options.cacheMs + options.awayGraceMs - cooldownMs - 1);
    expect(await tokens.check(known)).toBeDefined();
    await clock.advance(1_000);
    await expect(tokens.check(known)).rejects.toThrow(StoreAway);
    provider.answer = null;
    await clock.advance(1_000);
    expect(await tokens.check(known)).toBeDefined();
  });
});

/** The time of every VirtualClock's beginning. */
function seconds0(offsetS: number): number {
  return Math.floor(new VirtualClock().wallMs() / 1_000) + offsetS;
}
