/** Configuration: which file is read, and that the environment goes before it. */
import { describe, expect, it } from 'vitest';
import { leaves } from '../../src/config/layer.ts';
import { loadConfig, packagedFile } from '../../src/config/load.ts';
import { config, type Env, load, problems, readFrom, shipped } from '../support/config.ts';

describe('environment variables', () => {
  const port = 'a whole number from 0 to 65535';
  const levels = 'one of fatal, error, warn, info, debug, trace, silent';
  const key = '12 to 128 characters (visible ASCII, no spaces)';
  const password = '8 to 64 characters with a digit, an upper-case letter, a lower-case letter and a special character';
  it.each([
    ['PORT', '80a', '"80a"', port],
    ['PORT', '0x50', '"0x50"', port],
    ['PORT', '8e1', '"8e1"', port],
    ['PORT', ' 80', '" 80"', port],
    ['OPS_PORT', '-1', '-1', port],
    ['OPS_PORT', 'tcp://10.0.0.1:80', '"tcp://10.0.0.1:80"', port],
    ['LOG_LEVEL', 'INFO', '"INFO"', levels],
    ['HOST', 'a b', '"a b"', 'an IP address or a host name, without a port'],
    ['WA_API_KEY', 'elevenchars', 'a value of 11 characters', key],
    [
      'WA_API_KEY',
      'with a blank in it',
      'a value of 18 characters',
      `${key}, or up to 8 such keys: a list, or with white space between them`,
    ],
    ['WEIR_ADMIN_PASSWORD', 'Lacking1', 'a value of 8 characters', password],
  ])('%s=%s is refused', (name, value, given, wanted) => {
    expect(problems(load('', { [name]: value }))).toEqual([`${name}: ${given} is not allowed; give ${wanted}`]);
  });

  it('REDIS_URL=http://redis is refused, with the schemes that there are', () => {
    expect(problems(load('', { REDIS_URL: 'http://redis' }))).toEqual([
      'REDIS_URL: "http://redis" has a scheme that Weir does not know; give one that begins with redis://, rediss://, redis-sentinel://, rediss-sentinel://, redis-cluster:// or rediss-cluster://, such as redis://user:password@redis:6379/0',
    ]);
  });

  it('go before the file, which goes before the defaults', () => {
    const yaml = 'listen: {host: 127.0.0.1, port: 81}';
    const { listen, ops } = config(load(yaml, { PORT: '82' }));
    expect([listen.host, listen.port, ops.port]).toEqual(['127.0.0.1', 82, 9464]);
  });

  it('that are empty count as not set', () => {
    const env = { PORT: '', LOG_LEVEL: '', WA_API_KEY: '', WA_API_KEY_FILE: '', WEIR_CONFIG: '', COREAPP_URL: '' };
    expect(config(load('listen: {port: 81}', env)).listen.port).toBe(81);
  });

  const strays = (env: Env): string[] => load('', env).notes.filter((note) => note.includes('variable'));

  it.each([
    ['WEIR_ADMIN_PASWORD', 'WEIR_ADMIN_PASSWORD'],
    ['COREAP_URL', 'COREAPP_URL'],
    ['REDIS_ULR', 'REDIS_URL'],
    ['redis_url', 'REDIS_URL'],
    ['PROT', 'PORT'],
    ['WA_APIKEY', 'WA_API_KEY'],
    ['WEIR_PORT', 'PORT'],
    ['WEIR_REDIS_URL', 'REDIS_URL'],
    ['WEIR_CONFIG_FILE', 'WEIR_CONFIG'],
    ['WEIR_AUTH_API_KEY', 'WA_API_KEY'],
    ['WEIR_LIMITS_MESSAGES_RATE', 'limits.messages.rate in the configuration file'],
  ])('%s is noted, not refused: %s was meant', (name, meant) => {
    expect(strays({ [name]: '80' })).toEqual([`the variable ${name} is not one of Weir's; did you mean ${meant}?`]);
  });

  it('that begin with WEIR_ are noted, whatever was meant', () => {
    expect(strays({ WEIR_COLOUR: 'blue' })).toEqual([
      "the variable WEIR_COLOUR is not one of Weir's; weir serve --help names those that are",
    ]);
  });

  it('are noted as well where the configuration is refused', () => {
    const loaded = load('', { COREAP_URL: 'http://core', PORT: 'x' });
    expect(loaded).toMatchObject({ ok: false, notes: [expect.stringContaining('COREAP_URL')] });
  });

  it.each([
    ['of a Kubernetes Service', { WEIR_SERVICE_HOST: 'h', WEIR_SERVICE_PORT: '80', WEIR_PORT: 'tcp://10.0.0.1:80' }],
    ['of its named ports', { WEIR_SERVICE_PORT_HTTP: '80', WEIR_OPS_SERVICE_PORT_METRICS: '9464' }],
    ['of each port', { WEIR_PORT_80_TCP: 'tcp://h:80', WEIR_PORT_80_TCP_PROTO: 'tcp', WEIR_PORT_80_UDP_ADDR: '::1' }],
    ['of a Service with a name that is nearly one of Weir’s', { OP_PORT: 'tcp://10.0.0.1:80' }],
    ['of others', { HOME: '/', HOSTNAME: 'h', APP_PORT: '1', REDIS_PORT: '6379', DATABASE_URL: 'x', WA_DB_PORT: '1' }],
    ['that are empty', { WEIR_COLOUR: '', COREAP_URL: '' }],
    ['near one that is set', { PORT: '81', PORTS: '82' }],
  ])('%s are not noted', (_, env) => {
    expect(strays(env)).toEqual([]);
  });

  it('each overrides a setting and stands in the shipped file', () => {
    const names = leaves.flatMap((leaf) => leaf.about.env ?? []);
    expect(names.toSorted()).toEqual(
      [
        ...['HOST', 'PORT', 'OPS_PORT', 'COREAPP_URL', 'LOG_LEVEL', 'LOG_FORMAT', 'WEIR_PROFILE', 'WEIR_WORKERS'],
        ...['REDIS_URL', 'REDIS_URL_FILE', 'REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_PASSWORD_FILE'],
        ...['WA_API_KEY', 'WA_API_KEY_FILE', 'WEIR_ADMIN_PASSWORD', 'WEIR_ADMIN_PASSWORD_FILE'],
      ].toSorted(),
    );
    for (const name of names) expect(shipped).toContain(`# ${name}.`);
  });
});

describe('which file is read', () => {
  const packaged = 'listen: {port: 1}';
  const read = readFrom({ 'a.yaml': 'listen: {port: 2}', 'b.yaml': 'listen: {port: 3}', [packagedFile]: packaged });
  it.each([
    ['--config before WEIR_CONFIG', 'a.yaml', { WEIR_CONFIG: 'b.yaml' }, 2],
    ['WEIR_CONFIG before the packaged one', null, { WEIR_CONFIG: 'b.yaml' }, 3],
    ['the packaged one', null, {}, 1],
  ])('%s', (_, file, env, port) => {
    expect(config(loadConfig({ file, env, readFile: read })).listen.port).toBe(port);
  });

  it('the packaged one may be absent', () => {
    const loaded = loadConfig({ file: null, env: {}, readFile: readFrom({}) });
    expect(loaded.ok && [loaded.file, loaded.config.listen.port]).toEqual([null, 8080]);
  });

  it.each([
    ['a.yml', {}, '--config: "a.yml"'],
    [null, { WEIR_CONFIG: 'b.yml' }, 'WEIR_CONFIG: "b.yml"'],
  ])('%s %j is missing: one line', (file, env, given) => {
    expect(problems(loadConfig({ file, env, readFile: readFrom({}) }))).toEqual([
      `${given} cannot be read (no such file); give the path of a readable YAML file`,
    ]);
  });
});
