/** Tokens of an identity provider, on their way through Weir: cached, refused, logged out. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createLoginGuard } from '../../src/adapters/login-guard/guard.ts';
import { createMemoryEndedTokens } from '../../src/adapters/memory/ended-tokens.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import type { TokenRecord } from '../../src/auth/accounts.ts';
import { createAuthenticate } from '../../src/auth/authenticate.ts';
import { BearerTokens } from '../../src/auth/bearer-tokens.ts';
import { createJwtAuth, type JwtAuth } from '../../src/auth/jwt.ts';
import { type EndedTokens, type JwtCheck, StoreAway } from '../../src/auth/ports.ts';
import type { Principal } from '../../src/exchange/principal.ts';
import { deafMeter } from '../support/fleet.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { request, startWebapp, withToken } from '../support/webapp.ts';

const options = { freshMs: 5_000, keptMs: 600_000, max: 100 };
const anna = 'e30.anna.sig';
const boss = 'e30.boss.sig';

let clock: VirtualClock;
let valid: Map<string, TokenRecord>;
let looks: string[];
let away: { provider: boolean; store: boolean };
let ended: EndedTokens;
let jwt: JwtAuth;
/** What was written down last, and is told the other replicas. */
let endedDigest: string;

const jwts: JwtCheck = {
  couldBe: (text) => text.split('.').length === 3,
  async check(text) {
    looks.push(text);
    if (away.provider) throw new StoreAway('the provider is away');
    const record = valid.get(text);
    return record !== undefined && clock.wallMs() < record.expiresAtMs ? record : undefined;
  },
};

const replica = (): JwtAuth =>
  createJwtAuth({ jwts, ended, secrets: nodeSecrets, clock, meter: { storeCalled() {} } }, options);

const bearing = (jwtAuth: JwtAuth): BearerTokens =>
  new BearerTokens({ ...jwtAuth, guard: createLoginGuard(null), secrets: nodeSecrets });
/** Weir's own. */
const own: Pick<BearerTokens, 'couldBe' | 'find'> = {
  couldBe: (text) => nodeSecrets.couldBeToken(text),
  find: () => {
    throw new Error('The accounts know nothing of it.');
  },
};

beforeEach(() => {
  clock = new VirtualClock();
  const expiresAtMs = clock.wallMs() + 60 * 60_000;
  valid = new Map([
    [anna, { user: 'jwt:anna', role: 'ROLE_USER', expiresAtMs }],
    [boss, { user: 'jwt:boss', role: 'ROLE_ADMIN', expiresAtMs }],
  ]);
  [looks, away] = [[], { provider: false, store: false }];
  const memory = createMemoryEndedTokens(clock);
  const here = <T>(answer: T): T => {
    if (away.store) throw new StoreAway('away');
    return answer;
  };
  ended = {
    end: async (digest, untilMs) => {
      endedDigest = digest;
      await here(memory.end(digest, untilMs));
    },
    hasEnded: async (of) => here(memory.hasEnded(of)),
  };
  jwt = replica();
});

/** @param at null: there is no provider */
async function who(token: string, path = '/v1/messages', at: JwtAuth | null = jwt): Promise<Principal | string> {
  const authenticate = createAuthenticate({
    tokens: at === null ? [own] : [own, bearing(at)],
    guard: createLoginGuard(null),
    secrets: nodeSecrets,
    meter: deafMeter,
    apiKeys: [],
  });
  const answer = await authenticate(request('GET', path, withToken(token)));
  return answer.kind === 'refusal' ? answer.name : answer.principal;
}

describe('who asks', () => {
  it.each([
    [anna, '/v1/messages', { kind: 'user', name: 'jwt:anna', role: 'ROLE_USER' }],
    [anna, '/v1/health', { kind: 'user', name: 'jwt:anna', role: 'ROLE_USER' }],
    [anna, '/v1/settings/application', 'forbidden'],
    [boss, '/v1/settings/application', { kind: 'user', name: 'jwt:boss', role: 'ROLE_ADMIN' }],
    [boss, '/v1/users', { kind: 'user', name: 'jwt:boss', role: 'ROLE_ADMIN' }],
    ['e30.made-up.sig', '/v1/messages', 'unauthenticated'],
  ])('%s at %s: %j', async (token, path, answer) => {
    expect(await who(token, path)).toEqual(answer);
  });

  it('a token of neither form is refused without asking anybody', async () => {
    for (const text of ['x', 'x'.repeat(44), 'a.b']) expect(await who(text)).toBe('unauthenticated');
    expect(looks).toEqual([]);
  });

  it('without a provider it is an unknown token', async () => {
    expect(await who(anna, '/v1/messages', null)).toBe('unauthenticated');
  });

  it('a user of the provider is none of Weir’s: it can be neither read nor changed', async () => {
    const webapp = await startWebapp({ jwt });
    for (const [method, body] of [
      ['GET', undefined],
      ['PUT', { password: 'Correct-Horse-1' }],
    ] as const) {
      const { status } = await webapp.ask(method, '/v1/users/jwt:anna', { fields: withToken(anna), body });
      expect(status).toBe(404);
    }
    expect((await webapp.ask('DELETE', '/v1/users/jwt:boss', { fields: withToken(boss) })).status).toBe(404);
  });
});

describe('a token that was looked at', () => {
  it('is not looked at again for a while, and its principal is there at once', async () => {
    await who(anna);
    for (let i = 0; i < 10; i++) expect(bearing(jwt).find(anna, '192.0.2.1')).not.toBeInstanceOf(Promise);
    expect(looks).toEqual([anna]);
    await clock.advance(options.freshMs);
    await who(anna);
    expect(looks).toEqual([anna, anna]);
  });

  it('that was not valid is looked at again after a second: it may have come before its time', async () => {
    const record = valid.get(anna) as TokenRecord;
    valid.delete(anna);
    expect(await who(anna)).toBe('unauthenticated');
    valid.set(anna, record);
    expect(await who(anna)).toBe('unauthenticated');
    await clock.advance(1_000);
    expect(await who(anna)).toMatchObject({ name: 'jwt:anna' });
  });
});

describe('logging out', () => {
  it('ends the token here at once, and its user’s others go on', async () => {
    const webapp = await startWebapp({ jwt });
    const other = 'e30.anna2.sig';
    valid.set(other, valid.get(anna) as TokenRecord);
    expect((await webapp.ask('POST', '/v1/users/logout', { fields: withToken(anna) })).status).toBe(200);
    expect((await webapp.ask('POST', '/v1/users/logout', { fields: withToken(anna) })).status).toBe(401);
    expect(webapp.trail).toMatchObject([
      { action: 'logout', outcome: 'done', principal: 'user:jwt:anna', user: 'jwt:anna' },
      { action: 'logout', outcome: 'refused', reason: 'unauthenticated' },
    ]);
    expect(await who(other)).toMatchObject({ name: 'jwt:anna' });
  });

  it('ends it on another replica with the message, and without one when its memory is over', async () => {
    const [told, late] = [replica(), replica()];
    for (const at of [told, late]) expect(await who(anna, '/v1/messages', at)).toMatchObject({ name: 'jwt:anna' });
    await jwt.end(anna);
    told.tokens.tokenRevoked(endedDigest);
    expect(await who(anna, '/v1/messages', told)).toBe('unauthenticated');
    expect(await who(anna, '/v1/messages', late)).toMatchObject({ name: 'jwt:anna' });
    await clock.advance(options.freshMs);
    expect(await who(anna, '/v1/messages', late)).toBe('unauthenticated');
  });

  it('ends every way of writing its signature, cached or not, on every replica; a token of other claims goes on', async () => {
    const variants = [anna, 'e30.anna.sih', 'e30.anna.sig==', 'e30.anna.mirrored'];
    for (const text of variants) valid.set(text, valid.get(anna) as TokenRecord);
    const [one, told] = [jwt, replica()];
    const cached = [anna, 'e30.anna.sih', 'e30.anna.sig=='];
    for (const at of [one, told]) {
      for (const text of [...cached, boss]) expect(await who(text, '/v1/messages', at)).toMatchObject({ kind: 'user' });
    }
    await one.end('e30.anna.sih');
    told.tokens.tokenRevoked(endedDigest);
    for (const at of [one, told]) {
      for (const text of variants)
        expect([text, await who(text, '/v1/messages', at)]).toEqual([text, 'unauthenticated']);
      expect(await who(boss, '/v1/messages', at)).toMatchObject({ name: 'jwt:boss' });
    }
    expect(looks.filter((text) => text === boss)).toHaveLength(2);
  });

  it('ends what is cached even while nobody can be asked', async () => {
    const variant = 'e30.anna.sih';
    valid.set(variant, valid.get(anna) as TokenRecord);
    for (const text of [anna, variant]) await who(text);
    await jwt.end(anna);
    away = { provider: true, store: true };
    await clock.advance(options.freshMs);
    for (const text of [anna, variant]) expect(await who(text)).toBe('storeAway');
  });

  it('does not make a token of a signature that is not valid', async () => {
    await who(anna);
    expect(await who('e30.anna.forged')).toBe('unauthenticated');
  });

  it('is refused with 503 while it cannot be written down', async () => {
    const webapp = await startWebapp({ jwt });
    await who(anna);
    away.store = true;
    expect((await webapp.ask('POST', '/v1/users/logout', { fields: withToken(anna) })).error).toMatchObject({
      code: 1023,
    });
  });
});

describe.each(['provider', 'store'] as const)('while the %s is away', (which) => {
  it('a token that nobody has looked at gets 503, never 401, and passes as soon as it is back', async () => {
    away[which] = true;
    expect(await who(anna)).toBe('storeAway');
    away[which] = false;
    expect(await who(anna)).toMatchObject({ name: 'jwt:anna' });
  });

  it('a token that was valid goes on for the time that the configuration says', async () => {
    await who(anna);
    away[which] = true;
    await clock.advance(options.keptMs - 1);
    expect(await who(anna)).toMatchObject({ name: 'jwt:anna' });
    await clock.advance(1);
    expect(await who(anna)).toBe('storeAway');
  });

  it('a failure does not keep others from being looked at', async () => {
    away[which] = true;
    expect(await who(anna)).toBe('storeAway');
    expect(await who(boss)).toBe('storeAway');
    expect(looks).toEqual([anna, boss]);
  });
});
