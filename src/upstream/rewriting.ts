/** How a request and its answer are rewritten because the upstream has another address, path or key than callers use. */
import type { Admitted } from '../exchange/exchange.ts';
import type { Fields } from '../http/fields.ts';
import { withoutParameters } from '../http/query.ts';
import type { BodyUrls } from './body-urls.ts';

export interface Rewriting {
  /**
   * The origins by which the upstream of its class is known, its own first, in lower case: `https://api.example.com`.
   */
  readonly originsOf: (exchange: Admitted) => readonly string[];
  /** What takes the place of a version at the beginning of the target; null: nothing. */
  readonly version: string | null;
  /** What the target begins with, without a slash at its end; empty: nothing. */
  readonly basePath: string;
  /** Parameters that the target gets, as they are written: `api-version=7&x=y`; empty: none. */
  readonly queryOf: (exchange: Admitted) => string;
  /** The names of a caller's parameters that end here: those, and the one that may hold its token. */
  readonly queryNames: ReadonlySet<string>;
  /** Fields that every request gets, in the place of its own. */
  readonly set: Fields;
  /** The name of the field in which a credential goes. */
  readonly credentialField: string;
  /** Null: the request gets none. */
  readonly credentialOf: (exchange: Admitted) => string | null;
  /** The path and query that lead to a URL through Weir; null: it is none of an upstream's. */
  readonly throughWeir: (url: string) => string | null;
  /** Null: no body of an answer is changed. */
  readonly bodyUrls: BodyUrls | null;
}

/** The target as the upstream gets it. `*` is no path. */
export function targetFor(exchange: Admitted, { version, basePath, queryOf, queryNames }: Rewriting): string {
  const given = withoutParameters(exchange.target, queryNames);
  const target = version === null ? given : given.replace(/^\/v\d+(?:\.\d+)?(?=[/?]|$)/, `/${version}`);
  const query = queryOf(exchange);
  if (target === '*' || (basePath === '' && query === '')) return target;
  const whole = basePath + target;
  if (query === '') return whole;
  return `${whole}${whole.includes('?') ? '&' : '?'}${query}`;
}

/**
 * The fields of an answer with a `Location` that leads back through Weir (RFC 9110, 10.2.2): a reference to the
 * upstream's own address becomes one to a path. Other hosts stay as they are.
 */
export function withLocation(fields: Fields, exchange: Admitted, rewriting: Rewriting): Fields {
  const at = fields.findIndex((name, i) => i % 2 === 0 && name.length === 8 && name.toLowerCase() === 'location');
  if (at === -1) return fields;
  const back = locationFor(fields[at + 1] as string, rewriting.originsOf(exchange), rewriting);
  return back === fields[at + 1] ? fields : fields.with(at + 1, back);
}

function locationFor(location: string, origins: readonly string[], { basePath, throughWeir }: Rewriting): string {
  const [own = ''] = origins;
  const whole = location.startsWith('//') ? own.slice(0, own.indexOf('//')) + location : location;
  const origin = origins.find(
    (one) => whole.toLowerCase().startsWith(one) && /^(?:[/?#]|$)/.test(whole.slice(one.length)),
  );
  const isOwn = origin !== undefined;
  const path = isOwn ? whole.slice(origin.length) : location;
  if (!isOwn && /^https?:/i.test(whole)) return throughWeir(whole) ?? location;
  if (!isOwn && !path.startsWith('/')) return location;
  const isBelow = basePath !== '' && path.startsWith(basePath) && /^(?:[/?#]|$)/.test(path.slice(basePath.length));
  const rest = isBelow ? path.slice(basePath.length) : path;
  return rest.startsWith('/') && !rest.startsWith('//')
    ? rest
    : isOwn || isBelow
      ? `/${rest.replace(/^\/+/, '')}`
      : rest;
}
