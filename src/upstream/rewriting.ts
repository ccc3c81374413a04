/** How a request and its answer are rewritten because the upstream has another address, path or key than callers use. */
import type { Admitted } from '../exchange/exchange.ts';
import type { Fields } from '../http/fields.ts';
import type { BodyUrls } from './body-urls.ts';

export interface Rewriting {
  /** The upstream's own, of its class: `https://api.example.com`. */
  readonly originOf: (exchange: Admitted) => string;
  /** What the target begins with, without a slash at its end; empty: nothing. */
  readonly basePath: string;
  /** Parameters that the target gets, as they are written: `api-version=7&x=y`; empty: none. */
  readonly queryOf: (exchange: Admitted) => string;
  /** Fields that every request gets, in the place of its own. */
  readonly set: Fields;
  /** The name of the field in which a credential goes. */
  readonly credentialField: string;
  /** Null: the request gets none. */
  readonly credentialOf: (exchange: Admitted) => string | null;
  /** Null: no body of an answer is changed. */
  readonly bodyUrls: BodyUrls | null;
}

/** The target as the upstream gets it. `*` is no path. */
export function targetFor(exchange: Admitted, { basePath, queryOf }: Rewriting): string {
  const { target } = exchange;
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
  const back = locationFor(fields[at + 1] as string, rewriting.originOf(exchange), rewriting.basePath);
  return back === fields[at + 1] ? fields : fields.with(at + 1, back);
}

function locationFor(location: string, origin: string, basePath: string): string {
  const isOwn = location.toLowerCase().startsWith(origin) && /^(?:[/?#]|$)/.test(location.slice(origin.length));
  const path = isOwn ? location.slice(origin.length) : location;
  if (!isOwn && (!path.startsWith('/') || path.startsWith('//'))) return location;
  const isBelow = basePath !== '' && path.startsWith(basePath) && /^(?:[/?#]|$)/.test(path.slice(basePath.length));
  const rest = isBelow ? path.slice(basePath.length) : path;
  return rest.startsWith('/') && !rest.startsWith('//')
    ? rest
    : isOwn || isBelow
      ? `/${rest.replace(/^\/+/, '')}`
      : rest;
}
