/**
 * The fields of a request that Weir writes, takes out or believes. Three things follow for each: a caller's own field
 * does not travel on. Nor does a twin: a name that is the same for an upstream that folds names (`X_Forwarded_For`,
 * `X.Real.IP`: CGI, WSGI, Rack and PHP make one letter of all that is neither letter nor digit); and `Connection` must
 * not name it, or the Coreapp would not get the field that Weir went by.
 */
import { connectionOptions, endToEnd, FieldFilter, type Fields, hopByHop, plainName } from './fields.ts';
import { forwardedNames, viaName } from './forwarded.ts';

/** Fields of the caller that end here: the body is whole and its length known, the credential was for Weir. */
const callersOwn: readonly string[] = [
  'authorization',
  'content-length',
  'expect',
  'host',
  'trailer',
  'x-request-id',
  ...forwardedNames,
];

/** Some frameworks go by these instead of by the target, and Weir has judged the target. Nobody's travel on. */
const targetOverrides: readonly string[] = ['x-original-url', 'x-rewrite-url'];

/** What else says where a request came from, or what it asks for: only a trusted proxy's word is passed on. */
const strangersOwn: readonly string[] = [
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-forwarded-by',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-original-forwarded-for',
  'x-real-ip',
  // Some frameworks go by these instead of by the method, and Weir has judged the method.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
];

/** What Weir goes by and the Coreapp gets, too. */
const believed: readonly string[] = ['idempotency-key', 'prefer', 'priority'];

export interface OwnFields {
  /** What Weir calls itself in the `Via` of requests: no other process has the same. */
  readonly via: string;
  /** What travels on from a trusted proxy, and from anybody else. */
  readonly of: { readonly trusted: FieldFilter; readonly strangers: FieldFilter };
  /** What travels back with an interim answer. */
  readonly interim: FieldFilter;
  /** What `Connection` must not name. */
  readonly relied: ReadonlySet<string>;
}

/** Whether a field can be let through: any but those that Weir writes, takes for itself, or that end with a connection. */
export function mayPass(name: string): boolean {
  return !callersOwn.includes(name) && !hopByHop.has(name);
}

interface OwnFieldsOptions {
  /** The fields that configured limits go by, in lower case: they are Weir's own as well. */
  readonly scoped?: readonly string[];
  /** Tells this process from others; not there: nothing does. */
  readonly instance?: string;
  /** Names in lower case that travel on from anybody (`mayPass`). */
  readonly passes?: readonly string[];
  /** Further fields, in lower case, whose values are for Weir only. */
  readonly secrets?: readonly string[];
  /** True: `Authorization` is for the upstream. */
  readonly passAuthorization?: boolean;
}

export function ownFields({
  scoped = [],
  instance = '',
  passes = [],
  secrets = [],
  passAuthorization = false,
}: OwnFieldsOptions = {}): OwnFields {
  const ending = [...callersOwn.filter((name) => !passAuthorization || name !== 'authorization'), ...secrets];
  const own = [...ending, ...targetOverrides, ...strangersOwn, ...believed, ...scoped];
  // If a configured name is the odd one, the plain one is its twin.
  const plainTwins = scoped.map(plainName).filter((name) => !own.includes(name));
  const twins = { of: new Set([...own, ...hopByHop].map(plainName)), except: new Set([...scoped, ...passes]) };
  const stays = (name: string): boolean => !passes.includes(name);
  const ofTrusted = [...ending, ...plainTwins, ...targetOverrides.filter(stays)];
  return {
    via: instance === '' ? viaName : `${viaName}-${instance}`,
    of: {
      trusted: new FieldFilter(ofTrusted, twins),
      strangers: new FieldFilter([...ofTrusted, ...strangersOwn.filter(stays)], twins),
    },
    interim: new FieldFilter(ofTrusted),
    relied: new Set(own.filter((name) => name !== 'trailer')),
  };
}

/** The fields of a caller's request that travel on. */
export function travelling(fields: Fields, trusted: boolean, { of }: OwnFields): string[] {
  return endToEnd(fields, trusted ? of.trusted : of.strangers);
}

/** The first field that `Connection` names though Weir relies on it; null: none. */
export function misnamed(fields: Fields, { relied }: OwnFields): string | null {
  const options = connectionOptions(fields);
  if (options === null) return null;
  for (const option of options) if (relied.has(option)) return option;
  return null;
}
