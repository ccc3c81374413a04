/** The head of a request as it goes on the wire (RFC 9112, 3 and 5). */
import { bytesOf } from '../../exchange/bodies.ts';
import type { Fields } from '../../http/fields.ts';
import type { CoreappRequest } from '../../upstream/ports.ts';

const token = /^[!#$%&'*+.^_`|~\w-]+$/;
const target = /^[\x21-\xff]+$/;
const value = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Where a request without a body says so, since one is expected (RFC 9110, 8.6). */
const expectsBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/** Written here, or never: two of them, and the other side could see another request than was meant. */
const own: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade']);
const ownLengths: ReadonlySet<number> = new Set([0, ...[...own].map(({ length }) => length)]);
const isOwn = (name: string): boolean => name === '' || own.has(name.toLowerCase());

/** A request that can't be put on the wire. */
export interface Unwritable {
  readonly why: string;
}

/**
 * @param shared the lines that all requests have
 * @returns text in Latin-1, or why there is none
 */
export function requestHead(request: CoreappRequest, shared: string): string | Unwritable {
  const { fields, checked, body } = request;
  if (!token.test(request.method)) return { why: `${JSON.stringify(request.method)} is not a method` };
  if (!target.test(request.target)) return { why: `${JSON.stringify(request.target)} is not a target of a request` };
  let head = `${request.method} ${request.target} HTTP/1.1\r\n${shared}`;
  // The wire has checked what it read, and to check ten fields again would cost 2 µs. The others are checked together,
  // which costs half as much as each by itself.
  let names = '';
  let values = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (ownLengths.has(name.length) && isOwn(name))
      return { why: `${JSON.stringify(name)} is not for a request to say` };
    if (i >= checked) {
      names += name;
      values += fields[i + 1] as string;
    }
    head += `${name}: ${fields[i + 1] as string}\r\n`;
  }
  if (names !== '' && !(token.test(names) && value.test(values))) return { why: whatIsWrong(fields) };
  const bytes = bytesOf(body);
  if (bytes > 0 || expectsBody.has(request.method)) head += `Content-Length: ${bytes}\r\n`;
  return `${head}\r\n`;
}

/** Without the value, which may be a secret. */
function whatIsWrong(fields: Fields): string {
  const at = fields.findIndex((text, i) => !(i % 2 === 0 ? token : value).test(text));
  return `${JSON.stringify(fields[at - (at % 2)])} is no field of HTTP, or its value is none`;
}
