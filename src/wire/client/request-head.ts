/** The head of a request as it goes on the wire (RFC 9112, 3 and 5). */
import type { BufferedBody } from '../../exchange/bodies.ts';
import type { CoreappRequest } from '../../upstream/ports.ts';

const method = /^[!#$%&'*+.^_`|~\w-]+$/;
const target = /^[\x21-\xff]+$/;
const field = /^[!#$%&'*+.^_`|~\w-]+: [\t\x20-\x7e\x80-\xff]*$/;

/** Where a request without a body says so, since one is expected (RFC 9110, 8.6). */
const expectsBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH']);

/** Written here, or never: two of them, and the other side could see another request than was meant. */
const own: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade']);
const ownLengths: ReadonlySet<number> = new Set([...own].map(({ length }) => length));

/** A request that can't be put on the wire. */
export interface Unwritable {
  readonly why: string;
}

export const bytesOf = (body: BufferedBody | null): number =>
  body === null ? 0 : Buffer.isBuffer(body) ? body.length : body.bytes;

/**
 * @param shared the lines that all requests have
 * @returns text in Latin-1, or why there is none
 */
export function requestHead(request: CoreappRequest, shared: string): string | Unwritable {
  const { fields, body } = request;
  if (!method.test(request.method)) return { why: `${JSON.stringify(request.method)} is not a method` };
  if (!target.test(request.target)) return { why: `${JSON.stringify(request.target)} is not a target of a request` };
  let head = `${request.method} ${request.target} HTTP/1.1\r\n${shared}`;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const line = `${name}: ${fields[i + 1] as string}`;
    // Its value may be a secret.
    if (!field.test(line) || line.indexOf(':') !== name.length)
      return { why: `${JSON.stringify(name)} is no field of HTTP, or its value is none` };
    if (ownLengths.has(name.length) && own.has(name.toLowerCase()))
      return { why: `${name} is not for a request to say` };
    head += `${line}\r\n`;
  }
  const bytes = bytesOf(body);
  if (bytes > 0 || expectsBody.has(request.method)) head += `Content-Length: ${bytes}\r\n`;
  return `${head}\r\n`;
}
