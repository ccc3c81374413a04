/** Configuration: every problem at once, with where, what was given and what would be right. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { endpointClasses } from '../support/classes.ts';
import { config, type Env, load, problems, shipped } from '../support/config.ts';

describe('a bad value in the file is named with its place, itself and what would be right', () => {
  const rate = 'a number from 0.001 to 1000000';
  const port = 'a whole number from 0 to 65535';
  const host = 'an IP address or a host name, without a port';
  const flag = 'true or false';
  const scope =
    'fleet, principal, header:<Field-Name> (any but Authorization), or path:<template> with one segment in braces, such as path:/v1/contacts/{number}';
  const levels = 'one of fatal, error, warn, info, debug, trace, silent';
  const networks = 'a list of IP addresses or networks, such as [10.0.0.0/8, "fd00::/8"]';
  const fields = 'a list of field names, without those that Weir writes itself, such as [X-Real-IP, X_Request_Id]';

  it.each([
    ['limits: {messages: {rate: -5}}', '1:27', 'limits.messages.rate: -5', rate],
    ['limits: {stats: {scope: user}}', '1:25', 'limits.stats.scope: "user"', scope],
    ['limits: {default: {scopesMax: 0}}', '1:31', 'limits.default.scopesMax: 0', 'a whole number from 1 to 100000'],
    ['limits: {stats: {rateLimitFields: yes}}', '1:35', 'limits.stats.rateLimitFields: "yes"', flag],
    ['limits: {media: {rate: 0}}', '1:24', 'limits.media.rate: 0', rate],
    ['limits: {stats: {rate: .nan}}', '1:24', 'limits.stats.rate: NaN', rate],
    ['limits: {stats: {rate: 50/s}}', '1:24', 'limits.stats.rate: "50/s"', rate],
    ['limits: {stats: {burst: 0.5}}', '1:25', 'limits.stats.burst: 0.5', 'a whole number from 1 to 1000000'],
    ['listen: {port: 65536}', '1:16', 'listen.port: 65536', port],
    ['listen:\n  port:', '2:8', 'listen.port: an empty value', port],
    ['listen: {port: [1]}', '1:16', 'listen.port: a list', port],
    ['listen: {port: {a: 1}}', '1:16', 'listen.port: a group of settings', port],
    ['listen: {host: "::1:8080/"}', '1:16', 'listen.host: "::1:8080/"', host],
    ['listen: {host: "here:80"}', '1:16', 'listen.host: "here:80"', host],
    ['listen: {host: 1.2.3}', '1:16', 'listen.host: "1.2.3"', host],
    ['stop: {graceMs: 35s}', '1:17', 'stop.graceMs: "35s"', 'a whole number from 0 to 3600000'],
    ['log: {level: loud}', '1:14', 'log.level: "loud"', levels],
    ['http: {trustedProxies: [10.0.0.0/8, "::1/129"]}', '1:37', 'http.trustedProxies[1]: "::1/129"', networks],
    ['http: {trustedProxies: 10.0.0.1}', '1:24', 'http.trustedProxies: "10.0.0.1"', networks],
    ['http: {passFields: [X-Real-IP, Host]}', '1:32', 'http.passFields[1]: "Host"', fields],
    ['http: {serverTiming: 1}', '1:22', 'http.serverTiming: 1', flag],
    ['listen: 8080', '1:9', 'listen: 8080', 'its settings, a line name: value each, indented'],
  ])('%s', (yaml, at, given, wanted) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${at}: ${given} is not allowed; give ${wanted}`]);
  });

  it.each(['ftp://core', 'core:9090', 'http://core/v1', 'http://core?a=1', 'http://core:99999', 'http://'])(
    'coreapp.url: %s',
    (url) => {
      const wanted = 'give an http or https origin such as http://coreapp:9090, without path, query or credentials';
      expect(problems(load('', { COREAPP_URL: url }))).toEqual([
        `COREAPP_URL: "${url.replace('a=1', '…')}" is not allowed; ${wanted}`,
      ]);
    },
  );

  const urls = ['http://coreapp', 'http://core:9090', 'https://core/', 'http://[::1]:80', 'http://[::1]:8081'];
  it.each([...urls, 'http://10.0.0.1', 'http://10.0.0.1:1', 'https://core_app-1:65535', 'http://köln.example'])(
    'coreapp.url may be %s',
    (url) => {
      expect(config(load('', { COREAPP_URL: url })).coreapp.url).toBe(new URL(url).origin);
    },
  );
});

describe('an unknown name is refused, with what was probably meant', () => {
  const ofLog = 'known here: level, format, file, requests, fields, sample, slowMs';

  it.each([
    ['lisen: {}', '1:1: lisen', 'did you mean listen?'],
    ['limits: {mesages: {}}', '1:10: limits.mesages', 'did you mean limits.messages?'],
    ['limits: {messages: {raet: 1}}', '1:21: limits.messages.raet', 'did you mean limits.messages.rate?'],
    ['http: {keep_alive_timeout: 1}', '1:8: http.keep_alive_timeout', 'did you mean http.keepAliveTimeoutMs?'],
    ['port: 80', '1:1: port', 'did you mean listen.port or ops.port?'],
    ['log: {colour: red}', '1:7: log.colour', ofLog],
    ['log: {constructor: 1}', '1:7: log.constructor', ofLog],
    ['log: {__proto__: 1}', '1:7: log.__proto__', ofLog],
    ['log: {[a]: 1}', '1:7: a name that is not a word', ofLog],
  ])('%s', (yaml, given, meant) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${given} is not a setting; ${meant}`]);
  });
});

describe('settings are held against one another', () => {
  const sensitive = 'coreapp: {caseSensitivePaths: true}\n';
  const scoped = (path: string): string => `limits.contacts.scope: "path:${path}"`;
  const ofContacts = 'a template of paths of this class, such as path:/v1/contacts/{id}';
  const callers = 'at most limits.default.callerMaxBytes (33554432)';
  const line = 'at most limits.default.lineMaxBytes (67108864)';
  const ofMedia = 'at least limits.media.bodyMaxBytes (104857600)';
  const ofDefault = 'at least limits.default.bodyMaxBytes (1048576)';
  const origin = 'the Coreapp’s origin, such as http://coreapp:9090, here or in COREAPP_URL';

  it.each([
    ['ops: {port: 8080}', '1:13: ops.port: 8080', 'another port than listen.port, or 0 for any free one'],
    ['limits: {contacts: {scope: "path:/v1/messages/{id}"}}', `1:28: ${scoped('/v1/messages/{id}')}`, ofContacts],
    [
      `${sensitive}limits: {contacts: {scope: "path:/v1/Contacts/{id}"}}`,
      `2:28: ${scoped('/v1/Contacts/{id}')}`,
      ofContacts,
    ],
    ['coreapp: {permitsMin: 20, permitsMax: 10}', '1:23: coreapp.permitsMin: 20', 'at most coreapp.permitsMax (10)'],
    ['limits: {contacts: {bodyMaxBytes: 99999999}}', '1:35: limits.contacts.bodyMaxBytes: 99999999', callers],
    [
      'limits: {default: {callerMaxBytes: 99999999}, contacts: {bodyMaxBytes: 99999999}}',
      '1:72: limits.contacts.bodyMaxBytes: 99999999',
      line,
    ],
    ['limits: {media: {callerMaxBytes: 2048}}', '1:34: limits.media.callerMaxBytes: 2048', ofMedia],
    ['bodies: {diskMaxBytes: 5000}', '1:24: bodies.diskMaxBytes: 5000', ofMedia],
    ['limits: {media: {lineMaxBytes: 1024}}', '1:32: limits.media.lineMaxBytes: 1024', ofMedia],
    ['limits: {default: {lineMaxBytes: 1024}}', '1:34: limits.default.lineMaxBytes: 1024', ofDefault],
  ])('%s', (yaml, given, wanted) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${given} is not allowed; give ${wanted}`]);
  });

  it.each<[Env, string]>([
    [{ PORT: '9464' }, 'PORT: 9464 is not allowed; give another port than ops.port, or 0 for any free one'],
    [{ NODE_ENV: 'production' }, `coreapp.url: no value is not allowed where NODE_ENV is production; give ${origin}`],
  ])('%j', (env, line) => {
    expect(problems(load('', env))).toEqual([line]);
  });

  it.each([
    ['listen: {port: 0}\nops: {port: 0}', {}],
    ['listen: {host: 10.0.0.1, port: 80}\nops: {host: 127.0.0.1, port: 80}', {}],
    ['', { NODE_ENV: 'production', COREAPP_URL: 'http://core' }],
  ])('%j %j is fine', (yaml, env) => {
    expect(problems(load(yaml, env as Env))).toEqual([]);
  });

  it('but not against one that is bad itself', () => {
    expect(
      problems(load('listen: {port: x}\nops: {port: 8080}', { COREAPP_URL: 'x', NODE_ENV: 'production' })),
    ).toEqual([
      'w.yaml:1:16: listen.port: "x" is not allowed; give a whole number from 0 to 65535',
      expect.stringMatching(/^COREAPP_URL: "x" is not allowed/),
    ]);
  });

  it('a grace time shorter than the longest hold time is noted', () => {
    const loaded = load('limits: {media: {holdMaxMs: 60000}}');
    expect(loaded.ok && loaded.notes).toContain(
      'stop.graceMs (35000) is shorter than holdMaxMs of media (60000): at a stop, what waits longest is refused',
    );
  });
});

it('every problem is named at once, in the order of the file, then the environment, then between settings', () => {
  const yaml = ['limits:', '  messages:', '    rate: -5', '    brust: 1', 'auth: {apiKey: short}', 'stop: 5'].join(
    '\n',
  );
  const env = { PORT: 'x', WA_API_KEY_FILE: '/nowhere', NODE_ENV: 'production' };
  expect(problems(load(yaml, env)).map((line) => line.replace(/ (is|can)(not)? .*/, ''))).toEqual([
    'w.yaml:3:11: limits.messages.rate: -5',
    'w.yaml:4:5: limits.messages.brust',
    'w.yaml:5:16: auth.apiKey: a value of 5 characters',
    'w.yaml:6:7: stop: 5',
    'PORT: "x"',
    'WA_API_KEY_FILE: "/nowhere"',
    'coreapp.url: no value',
  ]);
});

describe('each endpoint class has its limits in full', () => {
  const documented = parse(shipped).limits;
  const everyOther = { ...documented.default, scope: { by: 'fleet' } };

  it('the documented ones by default', () => {
    const { limits } = config(load(''));
    expect(Object.keys(limits)).toEqual([...endpointClasses]);
    for (const name of endpointClasses) {
      expect(limits[name]).toEqual({ ...everyOther, ...(name !== 'default' && documented[name]) });
    }
  });

  it('what a class does not say is as in default', () => {
    const { limits } = config(
      load('limits: {default: {rate: 5, holdMaxMs: 1000}, contacts: {burst: 7}, messages: {rate: 80}}'),
    );
    expect(limits.contacts).toEqual({ ...everyOther, rate: 5, burst: 7, holdMaxMs: 1000 });
    expect(limits.messages).toEqual({ ...everyOther, rate: 80, burst: 150, holdMaxMs: 1000 });
  });
});

describe('line: who goes first, and what costs more', () => {
  it('lets nobody go before others by default', () => {
    expect(config(load('')).line).toEqual({ bestUrgency: { users: 3, admins: 3, names: new Map() }, costs: {} });
  });

  it('is taken as it is written', () => {
    const yaml =
      'line: {bestUrgency: {admins: 1, names: {otp: 0, "jwt:alarms": 7}}, costs: {/v1/groups: 2, POST /v1/media: 5}}';
    expect(config(load(yaml)).line).toEqual({
      bestUrgency: { users: 3, admins: 1, names: new Map(Object.entries({ otp: 0, 'jwt:alarms': 7 })) },
      costs: { '/v1/groups': 2, 'POST /v1/media': 5 },
    });
  });

  it('is told as a change', () => {
    const loaded = load('line: {bestUrgency: {names: {otp: 0, b: 1}}}');
    expect(loaded.ok && loaded.changes).toMatchObject([{ setting: 'line.bestUrgency.names', value: 'otp: 0, b: 1' }]);
  });

  const names = 'user names with whole numbers from 0 to 7, such as { otp: 0, "jwt:alarms": 1 }';
  const costs =
    'paths, maybe with a method before them, with whole numbers from 1 to 100, such as { /v1/groups: 2, POST /v1/media: 5 }';

  it.each([
    ['line: {bestUrgency: {users: 8}}', '1:29: line.bestUrgency.users: 8', 'a whole number from 0 to 7'],
    ['line: {bestUrgency: {names: {otp: -1}}}', '1:35: line.bestUrgency.names: otp: -1', names],
    ['line: {bestUrgency: {names: {"a b": 1}}}', '1:30: a name in line.bestUrgency.names: "a b"', names],
    ['line: {bestUrgency: {names: [otp]}}', '1:29: line.bestUrgency.names: a list', names],
    ['line: {costs: {/v1/media: 0}}', '1:27: line.costs: /v1/media: 0', costs],
    ['line: {costs: {v1/media: 2}}', '1:16: a name in line.costs: "v1/media"', costs],
    ['line: {costs: {/v1//media: 2}}', '1:16: a name in line.costs: "/v1//media"', costs],
    ['line: {costs: {post /v1/media: 2}}', '1:16: a name in line.costs: "post /v1/media"', costs],
    ['line: {costs: 5}', '1:15: line.costs: 5', costs],
    ['limits: {media: {callerShareMax: 0}}', '1:34: limits.media.callerShareMax: 0', 'a number from 0.01 to 1'],
  ])('%s', (yaml, given, wanted) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${given} is not allowed; give ${wanted}`]);
  });

  it('a name that is given twice is refused', () => {
    const line = '1:36: line.bestUrgency.names: "a" was given before; keep one of them';
    expect(problems(load('line: {bestUrgency: {names: {a: 1, a: 2}}}'))).toEqual([`w.yaml:${line}`]);
  });
});
