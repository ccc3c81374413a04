/**
 * Where Redis is, as one text that a Secret can hold:
 *
 *     redis://user:password@host:6379/0                                     one server
 *     redis-sentinel://user:password@host:26379,host:26379/0?master=name    the primary that these Sentinels name
 *     redis-cluster://user:password@host:7000,host:7001                     the cluster that these nodes belong to
 *
 * each with an `s` for TLS (`rediss://`, `rediss-sentinel://`, `rediss-cluster://`). What a URL gives a meaning of its
 * own is percent-encoded in names and passwords.
 */
import type { Fault } from './setting.ts';
import { type Reference, referenceAsPart, referenceIn, referenceInHost, unfilled } from './unfilled.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Null: not given. Redis takes a password without a name for that of its user `default`. */
export interface Login {
  readonly username: string | null;
  readonly password: string | null;
}

interface Common {
  readonly tls: boolean;
  readonly login: Login;
  readonly database: number;
  /** The server, the Sentinels, or some nodes of the cluster; at least one. */
  readonly endpoints: readonly [Endpoint, ...Endpoint[]];
}

export type RedisTarget =
  | (Common & { readonly kind: 'server' | 'cluster' })
  | (Common & { readonly kind: 'sentinel'; readonly master: string; readonly sentinelLogin: Login });

type Kind = RedisTarget['kind'];

const schemes: Readonly<Record<string, readonly [kind: Kind, tls: boolean]>> = {
  redis: ['server', false],
  rediss: ['server', true],
  'redis-sentinel': ['sentinel', false],
  'rediss-sentinel': ['sentinel', true],
  'redis-cluster': ['cluster', false],
  'rediss-cluster': ['cluster', true],
};
const usualPort: Readonly<Record<Kind, number>> = { server: 6379, sentinel: 26379, cluster: 6379 };

/** What may stand behind the `?`. */
const parametersOf: Readonly<Record<Kind, readonly string[]>> = {
  server: [],
  sentinel: ['master', 'sentinelUsername', 'sentinelPassword'],
  cluster: [],
};

const encodingWords =
  'in names and passwords write @ : / ? # & = % , and spaces as %40 %3A %2F %3F %23 %26 %3D %25 %2C %20';

/** The URL with a name and a password in it, which it must not have already. */
export function withLogin(url: string, { username, password }: Login): string {
  if (password === null) return url;
  const host = url.indexOf('://') + '://'.length;
  const login = `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@`;
  return `${url.slice(0, host)}${login}${url.slice(host)}`;
}

/** A fault while a URL is read: ends the reading. */
class Bad extends Error {
  readonly fault: string;
  readonly wanted: string;
  constructor(fault: string, wanted: string) {
    super(fault);
    this.fault = fault;
    this.wanted = wanted;
  }
}

/** The target, or what is wrong with the text, which is shown without its secrets. */
export function readRedisUrl(text: string): RedisTarget | Fault {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return { given: masked(text), fault: error.fault, wanted: error.wanted };
  }
}

export const isTarget = (read: RedisTarget | Fault): read is RedisTarget => 'kind' in read;

function read(text: string): RedisTarget {
  if (text.includes('#')) throw new Bad('has a #', encodingWords);
  const [, scheme = '', authority = '', path = '', query] =
    /^([A-Za-z][\w+.-]*):\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text) ?? [];
  const known = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (known === undefined) {
    const names = Object.keys(schemes).map((name) => `${name}://`);
    throw new Bad(
      scheme === '' ? 'is not a URL of Redis' : 'has a scheme that Weir does not know',
      `give one that begins with ${names.slice(0, -1).join(', ')} or ${names.at(-1)}, such as redis://user:password@redis:6379/0`,
    );
  }
  const [kind, tls] = known;
  const at = authority.lastIndexOf('@');
  const common = {
    tls,
    login: readLogin(at < 0 ? '' : authority.slice(0, at), at >= 0),
    endpoints: readEndpoints(authority.slice(at + 1), scheme, kind),
    database: readDatabase(path, kind),
  };
  const parameters = readParameters(query ?? '', scheme, kind);
  if (kind !== 'sentinel') return { kind, ...common };
  const master = parameters.get('master') ?? '';
  if (master === '') {
    throw new Bad(
      'does not say which primary to ask the Sentinels for',
      'give its name behind the hosts, such as ?master=mymaster',
    );
  }
  const sentinelLogin = {
    username: parameters.get('sentinelUsername') ?? null,
    password: parameters.get('sentinelPassword') ?? null,
  };
  if (sentinelLogin.username !== null && sentinelLogin.password === null) {
    throw new Bad('has a sentinelUsername without a password', 'give sentinelPassword, too');
  }
  return { kind, ...common, master, sentinelLogin };
}

function refuseOpen(reference: Reference | null): void {
  if (reference === null) return;
  const { fault, wanted } = unfilled(reference);
  throw new Bad(fault, wanted);
}

function readLogin(text: string, there: boolean): Login {
  if (!there) return { username: null, password: null };
  const colon = text.indexOf(':');
  for (const part of [text, text.slice(0, colon), text.slice(colon + 1)]) refuseOpen(referenceAsPart(part));
  if (colon < 0) {
    throw new Bad('has a user without a password', 'give user:password@, or :password@ where there is no user');
  }
  const username = decoded(text.slice(0, colon));
  return { username: username === '' ? null : username, password: decoded(text.slice(colon + 1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Bad('has a % that begins no character', encodingWords);
  }
}

function readEndpoints(text: string, scheme: string, kind: Kind): [Endpoint, ...Endpoint[]] {
  const [first, ...others] = text.split(',').map((part) => readEndpoint(part, kind));
  if (kind === 'server' && others.length > 0) {
    const s = scheme === 'rediss' ? 'rediss' : 'redis';
    throw new Bad('has several hosts', `give one host, or ${s}-sentinel:// or ${s}-cluster:// with several`);
  }
  return [first as Endpoint, ...others];
}

/** `host`, `host:port`, `[::1]:port`. */
function readEndpoint(text: string, kind: Kind): Endpoint {
  const [, address, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z_.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? usualPort[kind] : Number(digits);
  refuseOpen(referenceInHost(text));
  if (port === 0) throw new Bad('names port 0, where nothing listens', 'give a port from 1 to 65535');
  if (text === '') throw new Bad('has no host', 'give a host behind //, such as redis://redis:6379');
  if (host === undefined || port < 1 || port > 65_535) {
    throw new Bad(
      'has a host or port that cannot be read',
      `give a name, an IPv4 address or an IPv6 address in brackets, then a colon and a port from 1 to 65535; ${encodingWords}`,
    );
  }
  return { host, port };
}

function readDatabase(path: string, kind: Kind): number {
  refuseOpen(referenceIn(path));
  const number = path.slice(1);
  if (!/^\d{0,5}$/.test(number)) {
    throw new Bad(
      'has a path that is no database',
      `give the database’s number behind the host, such as /0; ${encodingWords}`,
    );
  }
  if (kind === 'cluster' && Number(number) !== 0) {
    throw new Bad('names a database of a cluster, which has only the one', 'give it without the path');
  }
  return Number(number);
}

function readParameters(query: string, scheme: string, kind: Kind): ReadonlyMap<string, string> {
  const known = parametersOf[kind];
  const parameters = new Map<string, string>();
  for (const part of query.split('&').filter((text) => text !== '')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!known.includes(name)) {
      const words = known.length === 0 ? `give ${scheme}:// without a ?` : `give only ${known.join(', ')} behind the ?`;
      throw new Bad('has a parameter that Weir does not know', words);
    }
    if (parameters.has(name)) throw new Bad(`has ${name} twice`, 'give it once');
    refuseOpen(referenceAsPart(part.slice(equals + 1)));
    parameters.set(name, decoded(part.slice(equals + 1)));
  }
  return parameters;
}

const maskedMaxChars = 120;

/** As much of a URL as may be shown, however wrong it is: what could be a secret is left out. */
function masked(text: string): string {
  const scheme = /^[A-Za-z][\w+.-]{0,30}:\/\//.exec(text)?.[0];
  if (scheme === undefined) return `a value of ${text.length} character${text.length === 1 ? '' : 's'}`;
  const rest = text.slice(scheme.length);
  const at = rest.lastIndexOf('@'); // One in a password may not have been encoded.
  const [place = '', ...parameters] = rest.slice(at + 1).split(/[?&#]/);
  // A port or a path that is none may be a password.
  const shownPlace = place.replace(/\/(?!\d*$).*$/, '/…').replace(/:(?!\d{1,5}(?:[,/]|$))[^,/\]:]*(?=[,/]|$)/g, ':…');
  const shown = parameters.map((part, index) => {
    const [name = ''] = part.split('=');
    return `${index === 0 ? '?' : '&'}${/^\w{1,20}$/.test(name) && part.includes('=') ? `${name}=…` : '…'}`;
  });
  const whole = `${scheme}${at < 0 ? '' : '…@'}${shownPlace}${shown.join('')}`;
  return `"${whole.length > maskedMaxChars ? `${whole.slice(0, maskedMaxChars)}…` : whole}"`;
}
