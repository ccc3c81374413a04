/** An answer's head as it is written (RFC 9112, 4 and 6). */
import { STATUS_CODES } from 'node:http';
import { type Fields, fieldOf } from '../../http/fields.ts';

/** How the end of an answer's body is told. `none`: it has no body. */
export type Framing = 'none' | 'length' | 'chunks' | 'close';

/**
 * @param toHead whether it answers a HEAD
 * @param old whether its request was HTTP/1.0, which knows no chunks
 */
export function framingOf(status: number, fields: Fields, toHead: boolean, old: boolean): Framing {
  if (toHead || status === 204 || status === 304) return 'none';
  if (fieldOf(fields, 'content-length') !== null) return 'length';
  return old ? 'close' : 'chunks';
}

/** @param connection what is said of the connection's future, as lines */
export function headText(status: number, fields: Fields, framing: Framing, connection: string): string {
  let text = statusLine(status);
  let dated = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'date') dated = true;
    // Only chunks can have trailers behind them.
    else if (name.length === 7 && framing !== 'chunks' && name.toLowerCase() === 'trailer') continue;
    text += `${name}: ${fields[i + 1]}\r\n`;
  }
  if (!dated) text += dateLine();
  if (framing === 'chunks') text += 'Transfer-Encoding: chunked\r\n';
  return `${text}${connection}\r\n`;
}

/** An answer that is followed by another one (RFC 9110, 15.2). */
export function interimText(status: number, fields: Fields): string {
  return `${statusLine(status)}${fieldLines(fields)}\r\n`;
}

/** The last chunk. */
export function lastChunkText(trailers: Fields): string {
  return trailers.length === 0 ? '0\r\n\r\n' : `0\r\n${fieldLines(trailers)}\r\n`;
}

function fieldLines(fields: Fields): string {
  let text = '';
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return text;
}

const statusLines: string[] = [];
const statusLine = (status: number): string =>
  // A reason phrase may be empty; the blank in front of it may not be missing.
  (statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`);

let date: string | null = null;

/** Made once a second at most, and only while it is needed. */
export function dateLine(): string {
  if (date === null) {
    const now = new Date();
    date = `Date: ${now.toUTCString()}\r\n`;
    setTimeout(() => {
      date = null;
    }, 1_000 - now.getMilliseconds()).unref();
  }
  return date;
}
