/**
 * Every setting there is: by a reload it either changes in place, or is named as one that needs a restart. That it changes
 * is seen by who looks at a configuration: all of the new one is read, and nothing of the old one any more.
 */
import { describe, expect, it } from 'vitest';
import { changeTo, needRestart } from '../../src/app/restart.ts';
import type { Config } from '../../src/config/config.ts';
import { leaves } from '../../src/config/layer.ts';
import { settingsSchema } from '../../src/config/schema.ts';
import { entryNamed, leavesOf } from '../../src/config/setting.ts';
import { startAppOf, testEnv } from '../support/app.ts';
import { createAuthority } from '../support/certificates.ts';
import { config, type Files, load } from '../support/config.ts';
import { startRedis } from '../support/redis.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';

interface Change {
  readonly from?: unknown;
  readonly to: unknown;
  /** Settings without which it means nothing. */
  readonly with?: Readonly<Record<string, unknown>>;
  /** What has to change with it. */
  readonly and?: Readonly<Record<string, unknown>>;
  /** What it is called where it changes. Default: the setting, or what the file holds. */
  readonly named?: string;
}

const authority = createAuthority('Weir test');
const [one, two] = [authority.issue('one', ['localhost']), authority.issue('two', ['localhost'])];
const files: Files = {
  authority: authority.cert,
  'one.crt': one.cert,
  'one.key': one.key,
  'two.crt': two.cert,
  'two.key': two.key,
  secret: 'a-secret-of-16-characters',
  other: 'another-secret-of-16-characters',
  password: 'Weir-2026!',
  'other-password': 'Weir-2027!',
  redis: 'redis://one:6379',
  'other-redis': 'redis://two:6379',
  keys: '{"keys":[{"kty":"RSA"}]}',
  'other-keys': '{"keys":[{"kty":"RSA"}]}',
};

const redis = { 'redis.url': 'redis://one:6379' };
const redisTls = { 'redis.url': 'rediss://one:6379' };
const upstreamTls = { 'coreapp.url': 'https://one:9090' };
const jwt = { 'auth.jwt.issuer': 'https://one', 'auth.jwt.audience': 'weir', 'auth.jwt.jwksUrl': 'https://one/keys' };
const admins = { 'auth.jwt.adminValues': ['admins'] };
const origins = { 'http.cors.origins': ['https://one.example'] };
const none = { profile: 'none', 'coreapp.url': 'http://one:9090' };
const here = { ...none, 'listen.host': '127.0.0.1' };
const rule = [{ status: 418, of: 'class' }];
const announced = [{ remaining: 'x-left', reset: 'x-reset' }];
const certificate = (section: string, name: string) => ({
  [`${section}.certFile`]: `${name}.crt`,
  [`${section}.keyFile`]: `${name}.key`,
});
const served = certificate('listen.tls', 'one');
/** Another certificate has another key. */
const another = (section: string, url = {}) => ({
  with: { ...url, ...certificate(section, 'one') },
  and: certificate(section, 'two'),
});
const secret = 'a-secret-of-16-characters';

/** Of these the least change that shows; all others are given another number, word or answer by their type. */
const changes: Readonly<Record<string, Change>> = {
  profile: { to: 'none' },
  workers: { with: redis, to: 2 },
  'listen.host': { to: '127.0.0.1' },
  'listen.tls.certFile': { ...another('listen.tls'), to: 'two.crt' },
  'listen.tls.keyFile': { ...another('listen.tls'), to: 'two.key' },
  'listen.tls.minVersion': { with: served, to: 'TLSv1.3' },
  'listen.tls.clientCaFile': { with: served, to: 'authority' },
  'ops.host': { to: '127.0.0.1' },
  'ops.token': { to: secret },
  'ops.tokenFile': { from: 'secret', to: 'other' },
  'ops.names': { to: 'always' },
  'coreapp.url': { from: 'http://one:9090', to: 'http://two:9090' },
  'coreapp.authorization': { to: 'Bearer x' },
  'coreapp.authorizationFile': { from: 'secret', to: 'other' },
  'coreapp.authorizations': { to: { messages: 'secret' } },
  'coreapp.authorizationField': { with: { 'coreapp.authorization': 'x' }, to: 'X-API-Key' },
  'coreapp.basePath': { to: '/api' },
  'coreapp.version': { to: 'v26.0' },
  'coreapp.host': { to: 'two' },
  'coreapp.setFields': { to: { 'X-One': '1' } },
  'coreapp.removeFields': { to: ['X-One'] },
  'coreapp.setQuery': { to: { one: '1' } },
  'coreapp.appSecret': { to: secret },
  'coreapp.appSecretFile': { from: 'secret', to: 'other' },
  'coreapp.urls': { to: { media: 'http://two:9090' } },
  'coreapp.bodyUrls': { to: { media: ['/url'] } },
  'coreapp.caFile': { with: upstreamTls, to: 'authority' },
  'coreapp.certFile': { ...another('coreapp', upstreamTls), to: 'two.crt' },
  'coreapp.keyFile': { ...another('coreapp', upstreamTls), to: 'two.key' },
  'coreapp.pauseMaxMs': { to: 4_000 },
  'coreapp.encodedSlashes': { with: none, to: true },
  'coreapp.honoursIdempotencyKey': { to: ['messages'] },
  throttled: { to: rule },
  heed: { to: announced },
  'redis.url': { from: 'redis://one:6379', to: 'redis://two:6379' },
  'redis.urlFile': { from: 'redis', to: 'other-redis' },
  'redis.username': { with: { ...redis, 'redis.password': secret }, to: 'weir', named: 'redis.url' },
  'redis.password': { with: redis, to: secret, named: 'redis.url' },
  'redis.passwordFile': { with: redis, from: 'secret', to: 'other', named: 'redis.url' },
  'redis.caFile': { with: redisTls, to: 'authority' },
  'redis.certFile': { ...another('redis', redisTls), to: 'two.crt' },
  'redis.keyFile': { ...another('redis', redisTls), to: 'two.key' },
  'redis.keyPrefix': { to: 'w:' },
  'auth.apiKey': { to: secret },
  'auth.apiKeyFile': { from: 'secret', to: 'other' },
  'auth.adminPassword': { to: 'Weir-2026!' },
  'auth.adminPasswordFile': { from: 'password', to: 'other-password' },
  'auth.adminPaths': { to: ['/v1/settings'] },
  'auth.jwt.issuer': { with: jwt, to: 'https://two' },
  'auth.jwt.audience': { with: jwt, to: 'another' },
  'auth.jwt.typ': { with: jwt, to: 'at+jwt' },
  'auth.jwt.jwksUrl': { with: jwt, to: 'https://two/keys' },
  'auth.jwt.jwksFile': { with: { ...jwt, 'auth.jwt.jwksUrl': null }, from: 'keys', to: 'other-keys' },
  'auth.jwt.algorithms': { with: jwt, to: ['ES256'] },
  'auth.jwt.userClaim': { with: jwt, to: 'email' },
  'auth.jwt.clockToleranceMs': { with: jwt, to: 1 },
  'auth.jwt.roleClaim': { with: { ...jwt, ...admins }, from: 'roles', to: 'groups' },
  'auth.jwt.adminValues': { with: { ...jwt, 'auth.jwt.roleClaim': 'roles' }, from: ['admins'], to: ['others'] },
  'auth.jwt.cacheMs': { with: jwt, to: 60_000 },
  'auth.jwt.timeoutMs': { with: jwt, to: 1_000 },
  'auth.keyField': { with: none, to: 'X-Key' },
  'auth.keyParameter': { with: none, to: 'key' },
  'auth.may': { to: { anna: ['messages'] } },
  'auth.open': { with: here, to: true },
  'auth.openToAll': { with: { ...here, 'auth.open': true }, to: true },
  'limits.default.scope': { to: 'principal' },
  'limits.default.also': { to: [{ scope: 'principal', rate: 1, burst: 1 }] },
  'limits.default.throttled': { to: rule, named: 'limits.<class>.throttled' },
  'limits.default.heed': { to: announced, named: 'limits.<class>.heed' },
  'limits.messages.match': { from: ['* /v1/messages'], to: ['* /v1/orders'], named: 'limits.<class>.match' },
  'limits.messages.throttled': { to: rule, named: 'limits.<class>.throttled' },
  'limits.messages.heed': { to: announced, named: 'limits.<class>.heed' },
  'limits.messages.scope': { to: 'principal' },
  'limits.messages.also': { to: [{ scope: 'principal', rate: 1, burst: 1 }] },
  'line.bestUrgency.names': { to: { anna: 0 } },
  'line.costs': { to: { '/v1/groups': 2 } },
  'bodies.folder': { to: '/tmp' },
  'http.traceContext': { to: 'join' },
  'http.connectionsPerAddressMax': { to: 10 },
  'http.connectionMaxRequests': { to: 10 },
  'http.trustedProxies': { to: ['10.0.0.0/8'] },
  'http.passFields': { to: ['X-One'] },
  'http.cors.origins': { to: ['https://one.example'] },
  'http.cors.methods': { with: origins, to: ['GET'] },
  'http.cors.fields': { with: origins, to: ['X-One'] },
  'http.cors.exposed': { with: origins, to: ['X-One'] },
  'http.cors.credentials': { with: origins, to: true },
  'log.level': { to: 'debug' },
  'log.format': { to: 'ecs' },
  'log.file': { to: '/tmp/weir.log' },
  'log.fields': { to: ['path'] },
  'log.sample': { to: 0.5 },
};

/** What waits for a restart. All else is in force at once. */
const waiting: ReadonlySet<string> = new Set([
  ...['profile', 'workers', 'listen.host', 'listen.port', 'listen.tls.clientCaFile', 'ops.host', 'ops.port'],
  ...['redis.url', 'redis.urlFile', 'redis.keyPrefix'],
]);

const ofAClass = leavesOf(entryNamed(entryNamed(settingsSchema, 'limits') as never, 'messages') as never, [
  'limits',
  'messages',
]);
const all = [...leaves, ...ofAClass].map(({ name, fallback, about }) => ({ name, fallback, about }));

function changeOf(name: string, fallback: unknown): Change {
  const change = changes[name];
  if (change !== undefined) return change;
  const now = fallback ?? valueAt(config(load('{}')), name.split('.'));
  if (typeof now === 'boolean') return { to: !now };
  if (typeof now === 'number') return { to: now > 0 && now < 1 ? now / 2 : now + 1 };
  throw new Error(`${name}: what would another value be?`);
}

const valueAt = (section: unknown, path: readonly string[]): unknown =>
  path.reduce((value, name) => (value as Record<string, unknown>)[name], section);

function yamlOf(settings: Readonly<Record<string, unknown>>): string {
  const withOne = (section: object, [name = '', ...more]: readonly string[], value: unknown): object => {
    const part = (section as Record<string, object>)[name] ?? {};
    return { ...section, [name]: more.length === 0 ? value : withOne(part, more, value) };
  };
  return JSON.stringify(
    Object.entries(settings).reduce((whole, [name, value]) => withOne(whole, name.split('.'), value), {}),
  );
}

const contentOf = (name: string, sibling: string): string => [...name.split('.').slice(0, -1), sibling].join('.');

describe('a reload', () => {
  it.each(all)('takes $name up, or names it as one that waits for a restart', ({ name, fallback, about }) => {
    const ownName = about.contentOf === undefined ? name : contentOf(name, about.contentOf);
    const { from, to, with: others = {}, and = {}, named = ownName } = changeOf(name, fallback);
    const [before, after] = [from === undefined ? {} : { [name]: from }, { ...and, [name]: to }].map((given) =>
      config(load(yamlOf({ ...others, ...given }), {}, files)),
    ) as [Config, Config];
    const { config: inForce, changed, restartNeeded } = changeTo(after, before);
    expect(waiting.has(name) ? restartNeeded : changed).toContain(named);
    if (!waiting.has(name)) expect({ inForce, restartNeeded }).toEqual({ inForce: after, restartNeeded: [] });
    else expect(inForce.profile === after.profile ? inForce : before).toEqual(before);
  });

  const shared = ['redis', 'nothing but memory'] as const;
  it.each(shared)('reads every setting anew, and the old ones never again, on %s', async (store) => {
    await using redis = store === 'redis' ? await startRedis() : null;
    await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
    const env = { ...testEnv, ...(redis !== null && { REDIS_URL: redis.url }), COREAPP_URL: upstream.url };
    const before = config(load(yamlOf(origins), env));
    const after = { ...otherwise(before), listen: before.listen, workers: before.workers };
    const looked = { before: new Set<string>(), after: new Set<string>() };
    await using app = await startAppOf(
      watched(before, (place) => void looked.before.add(place)),
      upstream.url,
    );
    await app.apply(watched(after, (place) => void looked.after.add(place)));
    looked.before.clear();
    for (const line of ['GET /v1/contacts', 'POST /v1/messages', 'GET /v1/health']) {
      expect((await app.send(line)).status).toBe(200);
    }
    await app.user('anna');
    await app.ask('OPTIONS /v1/contacts', 'Host: weir\r\nOrigin: https://one.example\r\n');
    expect([...looked.before].filter((place) => !isUnder(needRestart, place))).toEqual([]);
    const ofRedis = redis === null ? ['redis'] : [];
    const elsewhere = [...needRestart, ...notOfTheApp, ...ofRedis];
    const unread = placesIn(after).filter((place) => !looked.after.has(place) && !isUnder(elsewhere, place));
    expect(unread).toEqual([]);
  });
});

/** Read when a configuration is judged, or by who starts the app; certificates for Redis only where it has TLS. */
const notOfTheApp = [
  ...['log', 'stop', 'otel', 'auth.openToAll', 'auth.adminPassword'],
  ...['coreapp.authorization', 'coreapp.authorizations', 'redis.tls'],
];

const isUnder = (sections: readonly string[], place: string): boolean =>
  sections.some((section) => `${place}.`.startsWith(`${section}.`));

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.keys(value).length > 0;

function placesIn(section: object, path: readonly string[] = []): string[] {
  return Object.entries(section).flatMap(([name, value]) => {
    const here = [...path, name];
    return isSection(value) ? placesIn(value, here) : [here.join('.')];
  });
}

/** With other numbers. */
function otherwise<Value>(value: Value): Value {
  if (typeof value === 'number' && value >= 1) return (value + 1) as Value;
  if (!isSection(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, otherwise(part)])) as Value;
}

/** The same, which tells of each place of it that is looked at. */
function watched<Section extends object>(
  section: Section,
  looked: (place: string) => void,
  path: readonly string[] = [],
): Section {
  return new Proxy(section, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || !Object.hasOwn(target, name)) return value;
      const here = [...path, name];
      if (isSection(value)) return watched(value, looked, here);
      looked(here.join('.'));
      return value;
    },
  });
}
