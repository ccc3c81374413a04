/** Configuration: every problem at once, with where, what was given and what would be right. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { endpointClasses } from '../support/classes.ts';
import { config, type Env, load, problems, shipped } from '../support/config.ts';

describe('a bad value in the file is named with its place, itself and what would be right', () => {
  it.each([
    [
      'limits: {messages: {rate: -5}}',
      '1:27: limits.messages.rate: -5 is not allowed; give a number from 0.001 to 1000000',
    ],
    [
      'limits: {stats: {scope: user}}',
      '1:25: limits.stats.scope: "user" is not allowed; give fleet, principal, header:<Field-Name> (any but Authorization), or path:<template> with one segment in braces, such as path:/v1/contacts/{number}',
    ],
    [
      'limits: {default: {scopesMax: 0}}',
      '1:31: limits.default.scopesMax: 0 is not allowed; give a whole number from 1 to 100000',
    ],
    [
      'limits: {stats: {rateLimitFields: yes}}',
      '1:35: limits.stats.rateLimitFields: "yes" is not allowed; give true or false',
    ],
    ['limits: {media: {rate: 0}}', '1:24: limits.media.rate: 0 is not allowed; give a number from 0.001 to 1000000'],
    [
      'limits: {stats: {rate: .nan}}',
      '1:24: limits.stats.rate: NaN is not allowed; give a number from 0.001 to 1000000',
    ],
    [
      'limits: {stats: {rate: 50/s}}',
      '1:24: limits.stats.rate: "50/s" is not allowed; give a number from 0.001 to 1000000',
    ],
    [
      'limits: {stats: {burst: 0.5}}',
      '1:25: limits.stats.burst: 0.5 is not allowed; give a whole number from 1 to 1000000',
    ],
    ['listen: {port: 65536}', '1:16: listen.port: 65536 is not allowed; give a whole number from 0 to 65535'],
    ['listen:\n  port:', '2:8: listen.port: an empty value is not allowed; give a whole number from 0 to 65535'],
    ['listen: {port: [1]}', '1:16: listen.port: a list is not allowed; give a whole number from 0 to 65535'],
    [
      'listen: {port: {a: 1}}',
      '1:16: listen.port: a group of settings is not allowed; give a whole number from 0 to 65535',
    ],
    [
      'listen: {host: "::1:8080/"}',
      '1:16: listen.host: "::1:8080/" is not allowed; give an IP address or a host name, without a port',
    ],
    [
      'listen: {host: "here:80"}',
      '1:16: listen.host: "here:80" is not allowed; give an IP address or a host name, without a port',
    ],
    [
      'listen: {host: 1.2.3}',
      '1:16: listen.host: "1.2.3" is not allowed; give an IP address or a host name, without a port',
    ],
    ['stop: {graceMs: 35s}', '1:17: stop.graceMs: "35s" is not allowed; give a whole number from 0 to 3600000'],
    [
      'log: {level: loud}',
      '1:14: log.level: "loud" is not allowed; give one of fatal, error, warn, info, debug, trace, silent',
    ],
    [
      'http: {trustedProxies: [10.0.0.0/8, "::1/129"]}',
      '1:37: http.trustedProxies[1]: "::1/129" is not allowed; give a list of IP addresses or networks, such as [10.0.0.0/8, "fd00::/8"]',
    ],
    [
      'http: {trustedProxies: 10.0.0.1}',
      '1:24: http.trustedProxies: "10.0.0.1" is not allowed; give a list of IP addresses or networks, such as [10.0.0.0/8, "fd00::/8"]',
    ],
    [
      'http: {passFields: [X-Real-IP, Host]}',
      '1:32: http.passFields[1]: "Host" is not allowed; give a list of field names, without those that Weir writes itself, such as [X-Real-IP, X_Request_Id]',
    ],
    ['http: {serverTiming: 1}', '1:22: http.serverTiming: 1 is not allowed; give true or false'],
    ['listen: 8080', '1:9: listen: 8080 is not allowed; give its settings, a line name: value each, indented'],
  ])('%s', (yaml, line) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${line}`]);
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

  it.each(['http://core:9090', 'https://core/', 'http://[::1]:80', 'http://10.0.0.1'])(
    'coreapp.url may be %s',
    (url) => {
      expect(config(load('', { COREAPP_URL: url })).coreapp.url).toBe(new URL(url).origin);
    },
  );
});

describe('an unknown name is refused, with what was probably meant', () => {
  it.each([
    ['lisen: {}', '1:1: lisen is not a setting; did you mean listen?'],
    ['limits: {mesages: {}}', '1:10: limits.mesages is not a setting; did you mean limits.messages?'],
    [
      'limits: {messages: {raet: 1}}',
      '1:21: limits.messages.raet is not a setting; did you mean limits.messages.rate?',
    ],
    [
      'http: {keep_alive_timeout: 1}',
      '1:8: http.keep_alive_timeout is not a setting; did you mean http.keepAliveTimeoutMs?',
    ],
    ['port: 80', '1:1: port is not a setting; did you mean listen.port or ops.port?'],
    [
      'log: {colour: red}',
      '1:7: log.colour is not a setting; known here: level, format, file, requests, fields, sample, slowMs',
    ],
    [
      'log: {constructor: 1}',
      '1:7: log.constructor is not a setting; known here: level, format, file, requests, fields, sample, slowMs',
    ],
    [
      'log: {__proto__: 1}',
      '1:7: log.__proto__ is not a setting; known here: level, format, file, requests, fields, sample, slowMs',
    ],
    [
      'log: {[a]: 1}',
      '1:7: a name that is not a word is not a setting; known here: level, format, file, requests, fields, sample, slowMs',
    ],
  ])('%s', (yaml, line) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${line}`]);
  });
});

describe('settings are held against one another', () => {
  it.each([
    [
      'ops: {port: 8080}',
      {},
      'w.yaml:1:13: ops.port: 8080 is not allowed; give another port than listen.port, or 0 for any free one',
    ],
    ['', { PORT: '9464' }, 'PORT: 9464 is not allowed; give another port than ops.port, or 0 for any free one'],
    [
      'limits: {contacts: {scope: "path:/v1/messages/{id}"}}',
      {},
      'w.yaml:1:28: limits.contacts.scope: "path:/v1/messages/{id}" is not allowed; give a template of paths of this class, such as path:/v1/contacts/{id}',
    ],
    [
      'coreapp: {caseSensitivePaths: true}\nlimits: {contacts: {scope: "path:/v1/Contacts/{id}"}}',
      {},
      'w.yaml:2:28: limits.contacts.scope: "path:/v1/Contacts/{id}" is not allowed; give a template of paths of this class, such as path:/v1/contacts/{id}',
    ],
    [
      'coreapp: {permitsMin: 20, permitsMax: 10}',
      {},
      'w.yaml:1:23: coreapp.permitsMin: 20 is not allowed; give at most coreapp.permitsMax (10)',
    ],
    [
      'limits: {contacts: {bodyMaxBytes: 99999999}}',
      {},
      'w.yaml:1:35: limits.contacts.bodyMaxBytes: 99999999 is not allowed; give at most limits.default.callerMaxBytes (33554432)',
    ],
    [
      'limits: {default: {callerMaxBytes: 99999999}, contacts: {bodyMaxBytes: 99999999}}',
      {},
      'w.yaml:1:72: limits.contacts.bodyMaxBytes: 99999999 is not allowed; give at most limits.default.lineMaxBytes (67108864)',
    ],
    [
      'limits: {media: {callerMaxBytes: 2048}}',
      {},
      'w.yaml:1:34: limits.media.callerMaxBytes: 2048 is not allowed; give at least limits.media.bodyMaxBytes (104857600)',
    ],
    [
      'bodies: {diskMaxBytes: 5000}',
      {},
      'w.yaml:1:24: bodies.diskMaxBytes: 5000 is not allowed; give at least limits.media.bodyMaxBytes (104857600)',
    ],
    [
      'limits: {media: {lineMaxBytes: 1024}}',
      {},
      'w.yaml:1:32: limits.media.lineMaxBytes: 1024 is not allowed; give at least limits.media.bodyMaxBytes (104857600)',
    ],
    [
      'limits: {default: {lineMaxBytes: 1024}}',
      {},
      'w.yaml:1:34: limits.default.lineMaxBytes: 1024 is not allowed; give at least limits.default.bodyMaxBytes (1048576)',
    ],
    [
      '',
      { NODE_ENV: 'production' },
      'coreapp.url: no value is not allowed where NODE_ENV is production; give the Coreapp’s origin, such as http://coreapp:9090, here or in COREAPP_URL',
    ],
  ])('%s %j', (yaml, env, line) => {
    expect(problems(load(yaml, env as Env))).toEqual([line]);
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
