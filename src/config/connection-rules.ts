/** What must hold between the settings of Weir's own ports and of what it connects to. */
import { starsNextToCredentials } from './cors.ts';
import { clash, type Facts, notAllowed } from './facts.ts';
import type { Clash } from './problems.ts';
import type { TlsFile, TlsFiles } from './tls.ts';
import { tlsFilesOf } from './tls-files.ts';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

export function portClash(facts: Facts): Clash[] {
  const { listen, ops } = facts.config;
  const apart = listen.host !== ops.host && !everywhere.has(listen.host) && !everywhere.has(ops.host);
  if (listen.port === 0 || listen.port !== ops.port || apart) return [];
  const [name, other] =
    facts.given('ops.port') === undefined ? ['listen.port', 'ops.port'] : (['ops.port', 'listen.port'] as const);
  const found = clash(facts, name, other, listen.port, `another port than ${other}, or 0 for any free one`);
  return [{ ...found, between: [...found.between, 'listen.host', 'ops.host'] }];
}

export function missingCoreapp(facts: Facts): Clash[] {
  const { profile, coreapp } = facts.config;
  if (coreapp.url !== null || !facts.production) return [];
  const fault = 'is not allowed where NODE_ENV is production';
  const wanted =
    profile === 'coreapp'
      ? 'give the Coreapp’s origin, such as http://coreapp:9090, here or in COREAPP_URL'
      : 'give the upstream’s origin, such as https://api.example.com, here or in UPSTREAM_URL';
  return [{ between: ['coreapp.url'], problem: { where: 'coreapp.url', given: 'no value', fault, wanted } }];
}

/**
 * Half a pair, or files for a connection that is not TLS: the operator would believe in a protection that is not there.
 */
export function tlsClashes(facts: Facts): Clash[] {
  const { listen, coreapp, redis } = tlsFilesOf(facts.settings);
  return [
    ...[listen, coreapp, redis].flatMap(({ cert, key }) => [...alone(facts, cert, key), ...alone(facts, key, cert)]),
    ...alone(facts, listen.ca, listen.cert),
    ...plainPeer(facts, 'coreapp', coreapp, /^https:/, 'https://'),
    ...plainPeer(facts, 'redis', redis, /^rediss/, 'rediss://, rediss-sentinel:// or rediss-cluster://'),
  ];
}

/** A file that means nothing without another one. */
function alone(facts: Facts, { setting, path }: TlsFile, other: TlsFile): Clash[] {
  if (path === null || other.path !== null) return [];
  const given = `${JSON.stringify(path)} without ${other.setting}`;
  const wanted = `give ${other.setting}, too, or leave ${setting} out`;
  return [notAllowed(facts, [setting, other.setting], given, wanted)];
}

function plainPeer(
  facts: Facts,
  section: 'coreapp' | 'redis',
  { ca, cert }: TlsFiles,
  secure: RegExp,
  beginning: string,
): Clash[] {
  const { url } = facts.settings[section];
  if (url === null || secure.test(url)) return [];
  return [ca, cert].flatMap(({ setting: name, path }) => {
    if (path === null) return [];
    const given = `${JSON.stringify(path)} next to a ${section}.url without TLS`;
    const wanted = `give a ${section}.url that begins with ${beginning}, or leave ${name} out`;
    return [notAllowed(facts, [name, `${section}.url`], given, wanted)];
  });
}

/** Half a login, or one next to that of the URL: the operator would believe that it is used. */
export function redisLoginClashes(facts: Facts): Clash[] {
  const { url, username, password } = facts.settings.redis;
  const [inUrl, user, secret] = ['redis.url', 'redis.username', 'redis.password'] as const;
  if (password !== null && url === null) {
    return [
      notAllowed(facts, [secret, inUrl], `a password without ${inUrl}`, `give ${inUrl}, too, or leave ${secret} out`),
    ];
  }
  if (username !== null && password === null) {
    return [notAllowed(facts, [user, secret], `a user without ${secret}`, `give ${secret}, too, or leave ${user} out`)];
  }
  if (password !== null && url?.includes('@')) {
    return [notAllowed(facts, [secret, inUrl], `a password next to that in ${inUrl}`, 'give one of them')];
  }
  return [];
}

/** An open port that others reach has to be meant. */
export function openClash(facts: Facts): Clash[] {
  const { auth, listen } = facts.config;
  if (!auth.open || auth.openToAll || isLoopback(listen.host)) return [];
  const given = `true with listen.host ${listen.host}, which others may reach,`;
  const wanted =
    'set listen.host to 127.0.0.1, or auth.openToAll to true if whoever reaches the port may use the upstream';
  return [notAllowed(facts, ['auth.open', 'auth.openToAll', 'listen.host'], given, wanted)];
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);

/** What Weir answers itself must not be read in two ways. */
export function encodedSlashesClash(facts: Facts): Clash[] {
  const { profile, coreapp } = facts.config;
  if (profile !== 'coreapp' || !coreapp.encodedSlashes) return [];
  const name = 'coreapp.encodedSlashes';
  return [clash(facts, name, 'profile', true, 'false with the profile coreapp, none of whose names hold a slash')];
}

/** Next to credentials a browser takes `*` for a name (Fetch standard, 3.3.5). */
export function corsClash(facts: Facts): Clash[] {
  const other = 'http.cors.credentials';
  return starsNextToCredentials(facts.config.http.cors).map((list) => {
    const name = `http.cors.${list}`;
    return clash(facts, name, other, '*', `names, since ${other} is true, or leave that out`);
  });
}

export function permitsClash(facts: Facts): Clash[] {
  const { permitsMin, permitsMax } = facts.config.coreapp;
  if (permitsMin <= permitsMax) return [];
  const max = 'coreapp.permitsMax';
  return [clash(facts, 'coreapp.permitsMin', max, permitsMin, `at most ${max} (${permitsMax})`)];
}
