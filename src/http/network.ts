/** IP addresses as text: what is one, and whose it is. It judges what callers write, so it is strict. */

/** The longest text that is an address: an IPv6 one with an IPv4 one at its end, a zone and a port. */
const lengthMax = 100;

/**
 * The address of a hop in `X-Forwarded-For`, as some balancers write it: with a port, in brackets, with a zone. An IPv4
 * address that is mapped into IPv6 comes out as itself. Null: not an IP address.
 */
export function addressIn(hop: string): string | null {
  if (hop.length > lengthMax) return null;
  const [, bracketed] = /^\[([^[\]]*)\](?::\d{1,5})?$/.exec(hop) ?? [];
  if (bracketed === undefined) {
    const [, plain = hop] = /^([\d.]+):\d{1,5}$/.exec(hop) ?? [];
    if (isIpv4(plain)) return plain;
  }
  const address = withoutZone(bracketed ?? hop).toLowerCase();
  const groups = groupsOf(address);
  return groups === null ? null : (mappedIn(groups) ?? address);
}

/**
 * Whose address it is: an IPv4 address itself; of an IPv6 address the network, 64 or 56 bits. A /64 is one link's, and
 * whoever has one address of it has all; homes and rented machines are given up to a /56 (RFC 6177).
 */
export function networkOf(address: string, bits: 56 | 64 = 64): string {
  if (!address.includes(':')) return address;
  const groups = groupsOf(withoutZone(address));
  if (groups === null) return address;
  const mapped = mappedIn(groups);
  if (mapped !== null) return mapped;
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return [a, b, c, bits === 64 ? d : d & 0xff00].map((group) => group.toString(16)).join(':');
}

function withoutZone(address: string): string {
  return address.replace(/%[\w.~-]+$/, '');
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

export function isIpv6(text: string): boolean {
  return groupsOf(text) !== null;
}

/** The eight groups of an IPv6 address (RFC 4291, 2.2); null: not one. */
function groupsOf(text: string): number[] | null {
  const [left = [], right, ...more] = hexOnly(text)
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':')));
  const given = left.length + (right?.length ?? 0);
  if (more.length > 0 || (right === undefined ? given !== 8 : given > 7)) return null;
  const groups = [...left, ...Array<string>(8 - given).fill('0'), ...(right ?? [])];
  return groups.every((group) => /^[\da-f]{1,4}$/i.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : null;
}

/** An IPv4 address at the end as two groups. */
function hexOnly(text: string): string {
  const [, head, tail] = /^(.*:)([\d.]+)$/.exec(text) ?? [];
  if (head === undefined || tail === undefined || !isIpv4(tail)) return text;
  const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
  return `${head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** The IPv4 address that ::ffff:0:0/96 maps; null: another one. */
function mappedIn(groups: readonly number[]): string | null {
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return null;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
