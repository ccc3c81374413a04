/**
 * The configuration as Weir uses it: every class's limits in full, secrets in place, no file names but watched ones.
 */
import type { BestUrgency } from '../admission/line/urgency.ts';
import { storedForms } from '../auth/precis.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { HeedRule } from '../signals/heed.ts';
import type { SignalRule } from '../signals/signals.ts';
import type { Credential } from './credentials.ts';
import { type JwtConfig, jwtOf } from './jwt.ts';
import { type Classes, classesOf, heedByClass, type Limits, limitsOf, type RulesOf, signalsByClass } from './limits.ts';
import type { Otel } from './otel.ts';
import { withLogin } from './redis-url.ts';
import type { ProfileName, Settings } from './schema.ts';
import { heedOf, signalsOf } from './signals.ts';
import type { ListenTls } from './tls.ts';
import type { TlsMaterial } from './tls-material.ts';
import { workersOf } from './workers.ts';

type Section<Name extends keyof Settings> = {
  readonly [Key in keyof WithoutFiles<Settings[Name]>]: Readonly<Settings[Name][Key]>;
};

/** A port that somebody else has opened. */
interface HandedOver {
  /** The file descriptor that listens, in the place of host and port. Not there: Weir opens it. */
  readonly fd?: number;
}

export type Config = {
  readonly [Name in Exclude<
    keyof Settings,
    'profile' | 'workers' | 'listen' | 'ops' | 'redis' | 'throttled' | 'heed' | 'auth' | 'limits' | 'line'
  >]: Section<Name>;
} & {
  readonly profile: ProfileName;
  /** How many processes: what `auto` comes to on this machine. */
  readonly workers: number;
  /** `tls` null: plain HTTP. */
  readonly listen: Omit<Section<'listen'>, 'tls'> & HandedOver & { readonly tls: ListenTls | null };
  readonly ops: Section<'ops'> & HandedOver;
  readonly coreapp: { readonly tls: TlsMaterial; readonly credentials: readonly Credential[] };
  /** `url` with name and password in it. */
  readonly redis: Omit<Section<'redis'>, 'username' | 'password'> & { readonly tls: TlsMaterial };
  /** `jwt` null: tokens of Weir's own only. */
  readonly auth: Omit<Section<'auth'>, 'jwt' | 'may'> & {
    readonly jwt: JwtConfig | null;
    readonly may: ReadonlyMap<string, ReadonlySet<EndpointClass>>;
  };
  readonly limits: Limits;
  /** What answers mean "too fast". */
  readonly throttled: RulesOf<SignalRule>;
  /** What answers announce before they refuse. */
  readonly heed: RulesOf<HeedRule>;
  /** Which requests belong to which class. */
  readonly classes: Classes;
  readonly line: {
    readonly bestUrgency: BestUrgency;
    readonly costs: Readonly<Record<string, number>>;
  };
  /** What the variables of OpenTelemetry say. */
  readonly otel: Otel;
};

/** What the files came to that the settings of TLS name. */
export interface TlsParts {
  readonly listen: ListenTls | null;
  readonly coreapp: TlsMaterial;
  readonly redis: TlsMaterial;
}

/** What the files came to that settings name. */
export interface FileParts {
  readonly tls: TlsParts;
  readonly credentials: readonly Credential[];
  /** Of an identity provider; empty: none are named. */
  readonly keys: string;
}

export function configOf(settings: Settings, { tls, credentials, keys }: FileParts, otel: Otel): Config {
  const { coreapp, redis } = settings;
  return {
    ...settings,
    workers: workersOf(settings.workers),
    listen: { ...settings.listen, tls: tls.listen },
    coreapp: {
      ...withoutFiles(coreapp),
      url: coreapp.url === null ? null : new URL(coreapp.url).origin,
      tls: tls.coreapp,
      credentials,
    },
    ops: withoutFiles(settings.ops),
    redis: redisOf(redis, tls.redis),
    auth: { ...withoutFiles(settings.auth), jwt: jwtOf(settings.auth.jwt, keys), may: mayOf(settings.auth.may) },
    limits: limitsOf(settings.limits),
    throttled: { all: signalsOf(settings.throttled), byClass: signalsByClass(settings.limits) },
    heed: { all: heedOf(settings.heed), byClass: heedByClass(settings.limits) },
    classes: classesOf(settings.limits, coreapp.caseSensitivePaths),
    line: { ...settings.line, bestUrgency: bestUrgencyOf(settings.line.bestUrgency) },
    otel,
  };
}

function redisOf({ username, password, ...settings }: Settings['redis'], tls: TlsMaterial): Config['redis'] {
  const url = settings.url === null ? null : withLogin(settings.url, { username, password });
  return { ...withoutFiles(settings), url, tls };
}

type WithoutFiles<S> = { readonly [Key in keyof S as Key extends `${string}File` ? never : Key]: S[Key] };

function withoutFiles<S extends object>(section: S): WithoutFiles<S> {
  return Object.fromEntries(Object.entries(section).filter(([name]) => !name.endsWith('File'))) as WithoutFiles<S>;
}

function bestUrgencyOf({ users, admins, names }: Settings['line']['bestUrgency']): BestUrgency {
  return { users, admins, names: byStoredName(names) };
}

function mayOf(may: Settings['auth']['may']): Config['auth']['may'] {
  return new Map([...byStoredName(may)].map(([name, classes]) => [name, new Set(classes)]));
}

/** A user has the name that is stored: in today's form, or as it was sent to an older Weir. */
function byStoredName<Value>(given: Readonly<Record<string, Value>>): ReadonlyMap<string, Value> {
  const forms = Object.entries(given).flatMap(([name, one]) => storedForms(name).map((form) => [form, one] as const));
  return new Map(forms);
}
