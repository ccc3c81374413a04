/** Profiles, the classes of a configuration, and what `weir profile` and `weir explain` say of them. */
import { describe, expect, it, test } from 'vitest';
import { check } from '../../src/commands/check.ts';
import { explain } from '../../src/commands/explain.ts';
import { profile } from '../../src/commands/profile.ts';
import { profileLayer, profileText } from '../../src/config/profiles.ts';
import { profileNames } from '../../src/config/schema.ts';
import { runCommand } from '../support/command.ts';
import { config, load, problems, readFrom, shipped } from '../support/config.ts';

const upstream = 'http://api.example.com';

describe.each(profileNames)('The profile %s', (name) => {
  test('is a configuration without a problem, each class of which says what belongs to it', () => {
    const { classes, given, problems: found } = profileLayer(name);
    expect(found).toEqual([]);
    for (const of of classes.keys()) expect(given.has(`limits.${of}.match`), of).toBe(true);
    expect(config(load('', { WEIR_PROFILE: name, UPSTREAM_URL: upstream })).profile).toBe(name);
  });

  test('can be chosen in the file as well, and is shown by weir profile', () => {
    expect(config(load(`profile: ${name}`, { UPSTREAM_URL: upstream })).profile).toBe(name);
    const out: string[] = [];
    expect(profile([name], { out: (line) => out.push(line), err: () => {}, readFile: readFrom({}) })).toBe(0);
    expect(`${out.join('\n')}\n`).toBe(profileText(name));
  });

  test('goes before the default, and behind the file', () => {
    const [of = 'default'] = profileLayer(name).classes.keys();
    const yaml = `profile: ${name}\ncoreapp: {url: "${upstream}"}\nlimits: {${of}: {rate: 7}}`;
    expect(config(load(yaml)).limits[of]?.rate).toBe(7);
  });
});

it('weir profile names those that there are', () => {
  const err: string[] = [];
  expect(profile(['shop'], { out: () => {}, err: (line) => err.push(line), readFile: readFrom({}) })).toBe(1);
  expect(err).toEqual(['weir profile: "shop" is not a profile; give coreapp, cloud, none']);
});

describe('config/weir.yaml of the package is the profile coreapp’s', () => {
  const readFile = (path: string): string => {
    if (path.endsWith('weir.yaml')) return shipped.replace('port: 8080', 'port: 8081');
    throw new Error(path);
  };
  test.each([
    [undefined, 8081],
    ['coreapp', 8081],
    ['none', 8080],
  ])('with the profile %s the port is %d', async (name, port) => {
    const env = { UPSTREAM_URL: upstream, ...(name !== undefined && { WEIR_PROFILE: name }) };
    const out: string[] = [];
    const io = { out: (line: string) => void out.push(line), err: () => {}, readFile };
    await expect(check([], env, io)).resolves.toBe(0);
    expect(out.some((line) => line.includes('listen.port = 8081'))).toBe(port === 8081);
  });
});

describe('UPSTREAM_URL is COREAPP_URL', () => {
  it('by either name', () => {
    for (const name of ['UPSTREAM_URL', 'COREAPP_URL'])
      expect(config(load('', { [name]: upstream })).coreapp.url).toBe(upstream);
    expect(config(load('', { UPSTREAM_URL: upstream, COREAPP_URL: upstream })).coreapp.url).toBe(upstream);
  });

  it('but not two of them', () => {
    expect(problems(load('', { UPSTREAM_URL: upstream, COREAPP_URL: 'http://other' }))).toEqual([
      'COREAPP_URL: a value next to another one in UPSTREAM_URL is not allowed; they mean the same; give one of them',
    ]);
  });

  it('and is needed in production', () => {
    expect(problems(load('profile: none', { NODE_ENV: 'production' }))).toEqual([
      'coreapp.url: no value is not allowed where NODE_ENV is production; give the upstream’s origin, such as https://api.example.com, here or in UPSTREAM_URL',
    ]);
  });
});

describe('A class of one’s own', () => {
  const none = `profile: none\ncoreapp: {url: "${upstream}"}\n`;

  it('has what it says, and the rest from default', () => {
    const yaml = `${none}limits: {default: {burst: 9}, orders: {match: ["POST /v2/orders"], rate: 3}}`;
    expect(config(load(yaml)).limits['orders']).toMatchObject({ rate: 3, burst: 9 });
    expect(config(load(yaml)).classes.map(([{ text }, name]) => [text, name])).toEqual([['POST /v2/orders', 'orders']]);
  });

  it('stands beside those of the profile', () => {
    const { limits } = config(load('limits: {bulk: {match: ["POST /v1/messages/bulk"], rate: 1}}'));
    expect(limits['bulk']?.rate).toBe(1);
    expect(limits['messages']?.rate).toBe(50);
  });

  test.each([
    [
      'limits: {orders: {rate: 3}}',
      '2:10: limits.orders is not a setting; give it match, a list such as ["POST /v2/orders"], or take one of default',
    ],
    [
      'limits: {"or ders": {match: ["GET /x"]}}',
      '2:10: a name that is not a word is not a setting; known here: default',
    ],
    [
      'limits: {a: {match: ["/v2/orders"]}}',
      '2:22: limits.a.match[0]: "/v2/orders" is not allowed; give a list such as ["POST /v2/orders", "* /v2/orders/{id}/**", "GET api.example.com/v2/**"]',
    ],
    [
      'limits: {a: {match: []}}',
      '2:21: limits.a.match: an empty list is not allowed; give a list such as ["POST /v2/orders", "* /v2/orders/{id}/**", "GET api.example.com/v2/**"]',
    ],
    ['limits: {a: {match: ["get /x"]}}', '2:22: limits.a.match[0]: "get /x" matches nothing; write the method as GET'],
    [
      'limits: {a: {match: ["TRACE /x"]}}',
      '2:22: limits.a.match[0]: "TRACE /x" matches nothing; TRACE is never passed on; give another method',
    ],
    [
      'limits: {a: {match: ["* /x/../y"]}}',
      '2:22: limits.a.match[0]: "* /x/../y" matches nothing; give the path that requests have, without "." and ".."',
    ],
    ['limits: {default: {match: ["GET /x"]}}', '2:20: limits.default.match is not a setting; known here:'],
    [
      'limits: {a: {match: ["GET /x"]}, b: {match: ["GET /X"]}}',
      '2:45: limits.b.match: "GET /X" next to "GET /x" of limits.a.match is not allowed; both take the same requests; leave one of them out',
    ],
    [
      'limits: {a: {match: ["GET /{x}"]}, b: {match: ["* /me"]}}',
      '2:47: limits.b.match: "* /me" next to "GET /{x}" of limits.a.match is not allowed; both take "GET /me", and neither is more exact; give that to one of them, too',
    ],
    [
      'limits: {default: {also: [{scope: principal, rate: 0}]}}',
      'limits.default.also[0].rate: 0 is not allowed; give a number from 0.0001 to 1000000, tokens a second, or serial: true without a rate',
    ],
    [
      'limits: {default: {also: [{scope: principal}]}}',
      'limits.default.also[0].rate: no value is not allowed; give a number from 0.0001 to 1000000, tokens a second, or serial: true without a rate',
    ],
    [
      'limits: {a: {match: ["POST v2/orders"]}}',
      '"POST v2/orders" has v2 as its host; give a path that begins with /, or a host with a dot',
    ],
    [
      'limits: {a: {match: ["* /a/**"], also: [{scope: "path:/b/{x}", rate: 1}]}}',
      'limits.a.also: "path:/b/{…}" is not allowed; give a scope whose path requests of this class have',
    ],
    [
      'limits: {a: {match: ["* /a/**"], also: [{scope: "principal + path:/{x}/b/**", rate: 1}, {scope: "path:/{x}/{y}/**", rate: 1}, {scope: "query:y + path:/b/*/{x}", rate: 1}]}}',
      'limits.a.also: "query:y + path:/b/*/{…}" is not allowed; give a scope whose path requests of this class have',
    ],
    [
      'auth: {keyField: X-Key}\nlimits: {default: {also: [{scope: "principal + header:x-key", rate: 1}]}}',
      'limits.default.also: "header:X-Key" is not allowed; give principal: auth.keyField says who a caller is',
    ],
    [
      'limits: {default: {rate: 0.0001}}',
      'limits.default.rate: 0.0001 is not allowed; give a number from 0.001 to 1000000',
    ],
    [
      'throttled: [{status: []}]',
      'throttled[0].status: an empty list is not allowed; give a status from 300 to 599, 4xx or 5xx',
    ],
    [
      'throttled: [{status: 429, pause: {grow: 0^n s}}]',
      'throttled[0].pause.grow: "0^n s" is not allowed; give a growing time such as 4^n s',
    ],
    [
      'limits: {default: {also: [{scope: "body:to", rate: 1}]}}',
      'limits.default.also[0].scope: "body:to" is not allowed; give fleet, principal, header:<Field-Name>, query:<name>, body:<JSON pointer>, path:<template>, or several with " + " between',
    ],
    [
      'limits: {default: {also: [{scope: principal, rate: 1, burst: 0}]}}',
      'limits.default.also[0].burst: 0 is not allowed; give a whole number from 1 to 1000000',
    ],
    [
      'limits: {none: {match: ["* /x"]}}',
      'limits.none.match: a class called none is not allowed; give it another name',
    ],
    [
      'coreapp: {honoursIdempotencyKey: [shop]}',
      'coreapp.honoursIdempotencyKey: "shop" is not allowed; give classes that there are: default',
    ],
  ])('%s', (yaml, line) => {
    const found = problems(load(`profile: none\n${yaml}`, { UPSTREAM_URL: upstream }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(line);
  });
});

const inherited = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'];
test.each(inherited)('a class may be called %s', (name) => {
  const yaml = `profile: none\nlimits: {${name}: {match: ["GET /x"], rate: 7}}\nauth: {may: {${name}: [${name}]}}\n`;
  const { limits, classes, auth } = config(load(yaml, { UPSTREAM_URL: upstream }));
  expect(limits[name]?.rate).toBe(7);
  expect(classes.map(([, of]) => of)).toEqual([name]);
  expect([...auth.may.keys()]).toEqual([name]);
  expect(({} as Record<string, unknown>)['rate']).toBeUndefined();
  const env = { UPSTREAM_URL: upstream };
  const { out } = runCommand(explain, ['GET /x', '--config', 'w.yaml'], env, { 'w.yaml': yaml });
  expect(out[0]).toMatch(new RegExp(`^class +${name}  \\(GET /x\\)$`));
});

test('what a profile says of limits that a file takes away is no mistake of that file', () => {
  const yaml = 'profile: cloud\nlimits: {messages: {also: []}}\n';
  expect(problems(load(yaml, { UPSTREAM_URL: upstream }))).toEqual([]);
});

describe('In the profile coreapp', () => {
  test.each([
    ['{users: {match: ["* /x"]}}', 'limits.users.match: a class called users is not allowed; give it another name'],
    [
      '{a: {match: ["POST /v1/users/login"]}}',
      'limits.a.match: "POST /v1/users/login" matches nothing; Weir answers there itself; leave it out',
    ],
    [
      '{a: {match: ["GET /metrics"]}}',
      'limits.a.match: "GET /metrics" matches nothing; Weir answers there itself; leave it out',
    ],
  ])('limits: %s is refused', (limits, problem) => {
    expect(problems(load(`limits: ${limits}`))).toEqual([expect.stringContaining(problem)]);
  });

  test('a pattern that takes more than what Weir answers is not', () => {
    expect(problems(load('limits: {a: {match: ["* /v1/**"]}}'))).toEqual([]);
  });
});

describe('weir explain', () => {
  const yaml = `profile: none
coreapp: {url: "${upstream}"}
auth: {adminPaths: [/v2/orders/all]}
limits:
  orders: {match: ["* /v2/orders/**"], rate: 2, burst: 40, scope: "path:/v2/orders/{id}"}
line: {costs: {"POST /v2/orders": 5}}
`;
  const rows = (request: string, config = yaml, files = {}) => {
    const all = { 'w.yaml': config, ...files };
    const { code, out, err } = runCommand(explain, [request, '--config', 'w.yaml'], {}, all);
    expect([code, err]).toEqual([0, []]);
    return Object.fromEntries(out.map((line) => line.split(/ {2,}(.*)/).slice(0, 2) as [string, string]));
  };

  it('says which credential goes with it, and who may not send it', () => {
    const config = `profile: none
auth: {may: {crm: [orders], shop: [other, orders], ops: [other]}}
coreapp:
  url: "${upstream}"
  authorization: of all
  urls: {other: "http://other.example.com"}
  authorizations: {"path:/v2/{tenant}=7": /7, other: /other}
limits: {orders: {match: ["* /v2/**"]}, other: {match: ["* /other"]}}
`;
    const rowsOf = (request: string) => rows(request, config, { '/7': 'of 7', '/other': 'of other' });
    expect(rowsOf('GET /v2/7')).toMatchObject({
      credential: 'coreapp.authorizations: path:/v2/{tenant}=7',
      'not allowed to': 'ops',
      'goes to': upstream,
    });
    expect(rowsOf('GET /v2/8')).toMatchObject({ credential: 'coreapp.authorization' });
    expect(rowsOf('GET /other')).toMatchObject({
      credential: 'coreapp.authorizations: other',
      'not allowed to': 'crm',
      'goes to': 'http://other.example.com',
    });
  });

  it('says what becomes of a request', () => {
    expect(rows('POST /v2/orders/7')).toEqual({
      class: 'orders  (* /v2/orders/**)',
      'answered by': 'the upstream',
      'allowed to': 'any user, with a token',
      limit: '2 a second, 40 at once, for each path:/v2/orders/{…}: here 7',
      costs: '5 slots',
      held: '30 s at most',
      'goes to': upstream,
      credential: 'none',
    });
    expect(rows('GET /v2/orders/all')).toMatchObject({ 'allowed to': 'admins, with a token', costs: '1 slot' });
    expect(rows('GET /v3')).toMatchObject({
      class: 'default',
      limit: '20 a second, 60 at once, for all requests of the class',
    });
  });

  it('names what answers may say and announce, those of a class before those of all', () => {
    const signals = `${yaml}throttled: [{status: 403, of: class}]
heed: [{usage: x-app-usage}]
`.replace(
      'burst: 40,',
      'burst: 40, throttled: [{status: 400, body: {/code: 4}, then: pass}], heed: [{structured: ratelimit}],',
    );
    const { out } = runCommand(explain, ['POST /v2/orders/7', '--config', 'w.yaml'], {}, { 'w.yaml': signals });
    expect(out.filter((line) => /^(?:too fast|heeds)/.test(line)).map((line) => line.replace(/ {2,}/, ': '))).toEqual([
      'too fast: 400 and /code 4: bucket, pass',
      'too fast: 403: class, replay',
      'heeds: ratelimit: bucket',
      'heeds: x-app-usage above 90 %: bucket',
    ]);
  });

  it('of the profile coreapp, which answers some itself', () => {
    const { out } = runCommand(explain, ['POST /v1/users/login', '--profile', 'coreapp']);
    expect(out).toEqual([
      'class        users',
      'answered by  Weir itself',
      'allowed to   anybody, with Basic credentials',
    ]);
  });

  test.each([
    [['POST'], "weir explain: give a method and a target, such as 'POST /v1/messages'"],
    [
      ['GET /v1/../x'],
      'weir explain: such a request is refused: the path holds a "." or ".." segment; send the path it stands for',
    ],
    [
      [],
      "weir explain: an argument is missing; give weir explain 'METHOD TARGET' [--body FILE] [--config FILE] [--profile NAME]",
    ],
  ])('%j is told what is wrong', (args, line) => {
    expect(runCommand(explain, args)).toEqual({ code: 1, out: [], err: [line] });
  });
});
