/**
 * An upstream that is as lenient as they come: it knows no case, decodes twice, cuts names at blanks, dots and
 * semicolons, resolves dot segments and takes a path for a URL reference. However a caller spells it, nothing of the
 * admin's is served there without an admin's token, and no user's account at all: Weir answers for these itself.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { apiKey } from '../support/app.ts';
import { adminPathsDefault, createRouter, readTarget } from '../support/routes.ts';
import { startForAll } from '../support/start-for-all.ts';
import { answer, say } from '../support/upstream.ts';

/** What an upstream may do to a path before it looks for the endpoint. In any order that frameworks have. */
type Leniency = (path: string) => string;

const leniencies: readonly Leniency[] = [
  (path) => path.toLowerCase(),
  (path) => path.toUpperCase().toLowerCase(),
  (path) => path.normalize('NFKC'),
  (path) => decoded(path),
  (path) => path.replace(/%u([\da-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replace(/\/{2,}/g, '/'),
  (path) => path.replace(/;[^/]*/g, ''),
  (path) => path.replace(/\.(?:json|xml|html)(?=\/|$)/g, ''),
  (path) => path.replace(/[. ~]+(?=\/|$)/g, ''),
  (path) => path.replace(/[?#].*$/s, ''),
  (path) => path.replace(/\0.*$/s, ''),
  (path) => path.replace(/[\t\r\n]/g, ''),
  (path) => path.replace(/[\u00ad\u200b-\u200f\ufeff]/g, ''),
  (path) => path.replaceAll('+', ' '),
  (path) =>
    path
      .split('/')
      .map((segment) => segment.trim())
      .join('/'),
  (path) => (path.startsWith('//') ? path.replace(/^\/\/[^/]*/, '') : path),
  (path) => withoutDots(path),
  (path) => (URL.canParse(path, 'http://upstream') ? new URL(path, 'http://upstream').pathname : path),
];

/** Bytes for percent signs, and ASCII for its overlong forms. */
function decoded(path: string): string {
  return path.replace(/(?:%[\da-f]{2})+/gi, (codes) => {
    const bytes = Buffer.from(codes.replaceAll('%', ''), 'hex').toString('latin1');
    const short = bytes.replace(/[\xc0\xc1][\x80-\xbf]/g, (two) =>
      String.fromCharCode(((two.charCodeAt(0) & 1) << 6) | (two.charCodeAt(1) & 0x3f)),
    );
    return Buffer.from(short, 'latin1').toString();
  });
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return kept.join('/');
}

/** Every path that the upstream could come to when it does these things, one after the other. */
function readings(target: string, order: readonly Leniency[]): string[] {
  const all = [target];
  for (const leniency of order) all.push(leniency(all.at(-1) as string));
  return all;
}

const isWithin = (path: string, base: string): boolean => path === base || path.startsWith(`${base}/`);
const isAdmins = (path: string): boolean => isWithin(path, '/v1/settings/application');
const isUsers = (path: string): boolean => isWithin(path, '/v1/users');

/** Ways to write a character otherwise, and what may stand beside a name. */
const hex = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');
const again = (text: string): string => text.replaceAll('%', '%25');
const otherwise: readonly ((character: string) => string)[] = [
  (c) => c.toUpperCase(),
  (c) => hex(c),
  (c) => hex(c.toUpperCase()).toUpperCase(),
  (c) => again(hex(c)),
  (c) => again(again(hex(c))),
  (c) => again(hex(c.toUpperCase())),
  (c) => again(hex(c)).replace(/.$/, (last) => hex(last)),
  (c) => `%${(0xc0 | (c.charCodeAt(0) >> 6)).toString(16)}%${(0x80 | (c.charCodeAt(0) & 0x3f)).toString(16)}`,
  (c) => `%u00${c.charCodeAt(0).toString(16)}`,
  (c) => hex(String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
  (c) => ({ i: hex('ı'), s: hex('ſ'), k: hex('K') })[c] ?? c,
];
const beside = [
  ...['%20', '%09', '%0a', '%00', '.', '.json', '..', '.JSON', ';x', '%3bx', '%3f', '%23x', '~', '+', '%2520', '%2500'],
  ...['%E2%80%8B', '%C2%A0', '/', '//', '/.', '/%2e', '/x/..', '/x/%2e%2e', '/x/%252e%252e', '/x/..;'],
  ...['\\', '%5c', '%2f'],
];
const dotted = ['/.', '/x/..', '/%2e', '/x/%252e%252e', '/v1/health/..'];
const before = ['/', '//evil', ...dotted, '/%09', '/%20', '/;x', '/evil%2f'];

const rarely = <T>(what: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: what });

const spelled = (path: string): fc.Arbitrary<string> =>
  fc
    .record({
      letters: fc.tuple(...[...path].map(() => rarely(fc.constantFrom(...otherwise)))),
      beside: fc.array(fc.tuple(fc.nat(4), fc.constantFrom(...beside)), { maxLength: 2 }),
      before: rarely(fc.constantFrom(...before)),
      below: fc.constantFrom('', '', '/x', '/media/providers', '?x', '/'),
    })
    .map(({ letters, beside, before, below }) => {
      const written = [...path].map((c, i) => (c === '/' ? c : (letters[i]?.(c) ?? c))).join('');
      const segments = written.split('/');
      for (const [at, text] of beside) segments[Math.min(1 + at, segments.length - 1)] += text;
      return `${before ?? ''}${segments.join('/')}${below}`;
    });

/** An upstream decodes and tidies in an order of its own, some of it twice. */
const orders = fc
  .shuffledSubarray([...leniencies, ...leniencies], { minLength: 4 })
  .map((order) => [...order, ...leniencies]);

const routeOf = createRouter(adminPathsDefault);

describe('However it is spelled,', () => {
  test('nobody but an admin gets to what is the admin’s', () => {
    fc.assert(
      fc.property(spelled('/v1/settings/application'), orders, (target, order) => {
        const read = readTarget(target);
        if (read.kind === 'malformed' || !readings(read.raw, order).some(isAdmins)) return;
        expect([target, routeOf(read.path)]).toEqual([target, expect.objectContaining({ access: 'admin' })]);
      }),
      { numRuns: 1_500 },
    );
  });

  test('nothing that could mean the users gets to the upstream', () => {
    fc.assert(
      fc.property(spelled('/v1/users'), orders, (target, order) => {
        const read = readTarget(target);
        if (read.kind === 'malformed' || !readings(read.raw, order).some(isUsers)) return;
        expect([target, routeOf(read.path)]).toEqual([target, expect.objectContaining({ by: 'weir' })]);
      }),
      { numRuns: 1_500 },
    );
  });

  test('what the API key opens is for monitoring in every reading', () => {
    const nodes = ['/v1/health', '/v1/stats/app', '/v1/stats/db/internal'];
    fc.assert(
      fc.property(fc.constantFrom(...nodes).chain(spelled), orders, (target, order) => {
        const read = readTarget(target);
        if (read.kind === 'malformed' || routeOf(read.path).access !== 'monitoring') return;
        const elsewhere = readings(read.raw, order).filter((path) => isAdmins(path) || isUsers(path));
        expect([target, elsewhere]).toEqual([target, []]);
        expect(read.path.toLowerCase()).toMatch(/^\/v1\/(health|stats\/(app|db)(\/internal)?)$/);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('In front of such an upstream, over the wire,', async () => {
  const { upstream, app } = await startForAll();
  const userToken = await app.user('anna');
  /** Targets that were served as something of the admin's, in the reading of this upstream. */
  const served = (): string[] =>
    upstream.arrivals
      .map(({ target }) => target)
      .filter((target) =>
        readings(target, [...leniencies, ...leniencies, ...leniencies]).some((path) => isAdmins(path) || isUsers(path)),
      );

  const application = '/v1/settings/application';
  const spellings = [
    ...[application, '/v1/settings/Application', '/V1/SETTINGS/APPLICATION', `${application}/`],
    ...[`${application}%20`, `${application}.json`, `${application}%3b`, `//evil${application}`],
    ...['/v1//settings//application', '/%2f/v1/settings/application'],
    ...['/v1/health/%252e%252e/settings/application', '/v1/health/%2e%2e/settings/application'],
    ...['/v1/settings/%2561pplication', '/v1/settings/%c1%a1pplication', '/v1/settings/appl%c4%b1cation'],
    ...[
      '/V1/users',
      '/v1/Users/bert',
      '/v1/users%20',
      '/v1/users.json',
      '/v1/users;x',
      '/v1/users%3b',
      '/v1/%75sers/x',
    ],
    ...['/v1/%2575sers', '/v1/users%2fanna', '/v1/messages/..%3bx/users', '//users', '/v1/.%09./v1/users'],
  ];

  test.each(spellings)('%s with a user’s token, or with the API key, is not served by it', async (target) => {
    upstream.play(say(answer(200, {}, 'served')));
    for (const method of ['GET', 'POST', 'DELETE']) {
      for (const credential of [`Bearer ${userToken}`, `Apikey ${apiKey}`]) {
        const told = await app.ask(`${method} ${target}`, `Host: weir\r\nAuthorization: ${credential}\r\n`);
        expect(told.status).toBeGreaterThanOrEqual(400);
      }
    }
    expect(served()).toEqual([]);
  });

  test.each(['/v1/health', '/v1/health/x', '/v1/stats/app', '/v1/messages', '/v1/settings/application'])(
    'the API key does not get %s by a handshake, whatever it could have with a GET',
    async (target) => {
      upstream.play(say(answer(200, {}, 'served')));
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n';
      const told = await app.ask(`GET ${target}`, `Host: weir\r\nAuthorization: Apikey ${apiKey}\r\n${upgrade}`);
      expect(told.status).toBe(401);
      expect(upstream.arrivals).toHaveLength(0);
    },
  );

  test('the admin gets there, by the target as it came', async () => {
    upstream.play(say(answer(200, {}, 'served')));
    const targets = ['/v1/settings/Application', `${application}%20`, '/v1//settings/application.json'];
    for (const target of targets) {
      expect(await app.send(`GET ${target}`)).toMatchObject({ status: 200, text: 'served' });
    }
    expect(upstream.arrivals.map(({ target }) => target)).toEqual(targets);
  });
});
