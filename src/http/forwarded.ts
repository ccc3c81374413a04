/** Where a request came from and by which way: `Forwarded` (RFC 7239), `X-Forwarded-*`, `Via` (RFC 9110, 7.6.3). */
import { isAuthority } from './authority.ts';
import { type Fields, fieldOf, fieldsOf } from './fields.ts';
import { addressIn } from './network.ts';

/** What Weir calls itself in `Via`, where nobody need know which replica it was. */
export const viaName = '1.1 weir';

/** The fields that Weir writes anew, lower case. */
export const forwardedNames = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'via'] as const;

/**
 * Who the caller is. Behind trusted proxies `X-Forwarded-For` is read from the right: the first address that isn't a
 * trusted proxy's own is the caller's; anybody may have written what stands left of it. If something else than an
 * address stands there, nobody knows who is behind the last proxy: that proxy counts as the caller. `Forwarded` is not
 * read.
 */
export function originOf(peer: string, secure: boolean, fields: Fields, trusts: (address: string) => boolean): Origin {
  const scheme = secure ? 'https' : 'http';
  if (!trusts(peer)) return { peer, remote: peer, scheme, trusted: false };
  const hops = fieldsOf(fields, 'x-forwarded-for').join(',').split(',').map(trimmed).filter(notEmpty);
  let remote = peer;
  for (let hop = hops.pop(); hop !== undefined && trusts(remote); hop = hops.pop()) {
    const address = addressIn(hop);
    if (address === null) break;
    remote = address;
  }
  const said = fieldOf(fields, 'x-forwarded-proto')?.toLowerCase();
  return { peer, remote, scheme: said === 'https' || said === 'http' ? said : scheme, trusted: true };
}

/** Whether a request has been here before, by what this process calls itself in `Via` (RFC 9110, 7.6.3). */
export function cameBack(fields: Fields, via: string): boolean {
  return fieldOf(fields, 'via') !== null && fieldsOf(fields, 'via').join(',').split(',').map(trimmed).includes(via);
}

/**
 * Appends to `out` what the next hop should know.
 * @param via what this process calls itself in `Via`
 */
export function addForwarded(out: string[], origin: Origin, fields: Fields, via: string): void {
  const { peer, scheme } = origin;
  const host = fieldOf(fields, 'host') ?? '';
  const said = origin.trusted ? fields : noFields;
  const saidHost = fieldOf(said, 'x-forwarded-host') ?? host;
  out.push('X-Forwarded-For', appended(said, 'x-forwarded-for', peer), 'X-Forwarded-Proto', scheme);
  if (saidHost !== '') out.push('X-Forwarded-Host', saidHost);
  const node = peer.includes(':') ? `"[${peer}]"` : peer;
  const element = `for=${node};proto=${scheme}${host === '' ? '' : `;host=${quoted(host)}`}`;
  out.push('Forwarded', appended(said, 'forwarded', element), 'Via', appended(fields, 'via', via));
}

/** Where the caller has asked: `https://weir.example.com`. Null: it did not say. */
export function addressAsked({ scheme, trusted }: Origin, fields: Fields): string | null {
  const host = (trusted ? fieldOf(fields, 'x-forwarded-host') : null) ?? fieldOf(fields, 'host');
  // A list is of several proxies: the first one was nearest to the caller.
  const first = host?.split(',')[0]?.trim() ?? '';
  return isAuthority(first) ? `${scheme}://${first}` : null;
}

const noFields: Fields = [];

/** The field's values and behind them one more, as one list. */
function appended(fields: Fields, name: string, value: string): string {
  return fieldOf(fields, name) === null ? value : [...fieldsOf(fields, name), value].join(', ');
}

/** Most requests have asked at the same host as the one before. */
let last = { value: '', quoted: '' };

/** A value as a token where it is one, else as a quoted string. */
function quoted(value: string): string {
  if (value !== last.value) {
    const isToken = /^[!#$%&'*+\-.^_`|~\w]+$/.test(value);
    last = { value, quoted: isToken ? value : `"${value.replace(/["\\]/g, '\\$&')}"` };
  }
  return last.quoted;
}

const trimmed = (value: string): string => value.trim();
const notEmpty = (value: string): boolean => value !== '';

/** Where a request came from. */
export interface Origin {
  /** The address at the other end of the connection. */
  readonly peer: string;
  /** The caller's address: the peer's, or the one that trusted proxies name. */
  readonly remote: string;
  /** `https`, or `http`; behind a trusted proxy what it says. */
  readonly scheme: string;
  /** True: the peer's own `Forwarded` and `X-Forwarded-*` are believed and kept. */
  readonly trusted: boolean;
}
