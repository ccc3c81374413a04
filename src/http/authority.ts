/**
 * What names a host: a registered name or an IPv4 address, or an IPv6 or later one in brackets; and maybe a port
 * (RFC 9110, 7.2; RFC 3986, 3.2.2).
 */
import { isIpv6 } from './network.ts';

/** A name may hold a comma by RFC 3986, but where a list of hosts is meant, each reader takes another one of them. */
const named = /^(?:[\w\-.~!$&'()*+;=]|%[\da-f]{2})+(?::\d*)?$/i;
const bracketed = /^\[(?:(v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)|([\da-f:.]+))\](?::\d*)?$/i;

/** False for an empty host, a user in front, and whatever else is no host and port. */
export function isAuthority(text: string): boolean {
  if (named.test(text)) return true;
  const [matched, later, address = ''] = bracketed.exec(text) ?? [];
  return matched !== undefined && (later !== undefined || isIpv6(address));
}

/** The host, an IPv6 address without its brackets, and the port where it names one that could be. Null: it is neither. */
export function splitHost(text: string | null): { readonly host: string; readonly port: string | null } | null {
  if (text === null || !isAuthority(text)) return null;
  const [, host = '', digits = ''] = /^(\[.*\]|[^:]*)(?::(\d*))?$/.exec(text) as RegExpExecArray;
  const port = digits === '' || Number(digits) > 65_535 ? null : `${Number(digits)}`;
  return { host: host.replace(/^\[|\]$/g, ''), port };
}
