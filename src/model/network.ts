/** Whose address it is: an IPv4 address itself; of an IPv6 address its /64, which whoever has one of has all of (RFC 6177). */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = address] = address.split('%');
  const mapped = /^::ffff:([0-9.]+)$/i.exec(plain);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = '', tail] = plain.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).map(withoutZeros).join(':');
}

function withoutZeros(group: string): string {
  return group.replace(/^0+(?=.)/, '');
}
