/**
 * Takes `100 Continue` out of what the Coreapp sends. Any number of 1xx answers may come before the final one, asked
 * for or not (RFC 9110, 15.2). undici passes the others on, but breaks the connection over a 100. Weir never asks for
 * one, since it has the whole body, so there is nothing to pass on.
 *
 * undici writes the head of a request as text and its body as bytes, and it reads by `read()`. So a text that is
 * written means that heads of answers come next, until the first one that is no 1xx. From there on nothing is looked
 * at, and no body is ever touched. A request costs a comparison when it is written and a look at one byte of its
 * answer.
 */
import type { Socket } from 'node:net';

/** Where the digits of the status begin: behind `HTTP/1.1 `. */
const statusAt = 9;
const statusEnd = 12;
/** A longer 1xx head is not kept: undici refuses it. */
const headMaxBytes = 16_384;
const one = 0x31;
const beginning = 'HTTP/1.';

export interface Looked {
  /** What is passed on; null: nothing yet. */
  readonly pass: Buffer | null;
  /** The beginning of a head that cannot be judged yet; null: there is none. */
  readonly keep: Buffer | null;
  /** The next bytes begin a head, or go on with the one that is kept. */
  readonly before: boolean;
}

/** Looks at bytes that begin a head. */
export function lookAtHeads(bytes: Buffer): Looked {
  // By far the most answers: a status line that is no 1xx.
  if (bytes.length >= statusEnd && bytes[statusAt] !== one) return { pass: bytes, keep: null, before: false };
  const passed: Buffer[] = [];
  let at = 0;
  let before = true;
  while (before && at < bytes.length) {
    if (bytes.length - at < statusEnd) {
      // If it is no head of HTTP, there is nothing to wait for: undici says so at once.
      if (!beginning.startsWith(bytes.toString('latin1', at, at + beginning.length))) break;
      return { pass: joined(passed), keep: bytes.subarray(at), before };
    }
    const end = endOfHead(bytes, at);
    const status = bytes.toString('latin1', at + statusAt, at + statusEnd);
    if (status[0] !== '1' || status === '101' || end === 'other') break;
    if (end === null) {
      if (bytes.length - at > headMaxBytes) break;
      return { pass: joined(passed), keep: bytes.subarray(at), before };
    }
    if (status !== '100') passed.push(bytes.subarray(at, end));
    at = end;
  }
  before = at === bytes.length;
  if (!before) passed.push(bytes.subarray(at));
  return { pass: joined(passed), keep: null, before };
}

/** Where the head ends; null: not in here; `other`: not as HTTP has it. */
function endOfHead(bytes: Buffer, from: number): number | null | 'other' {
  const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
  const bare = bytes.indexOf('\n\n', from, 'latin1');
  if (bare !== -1 && (end === -1 || bare < end)) return 'other';
  return end === -1 ? null : end + 4;
}

function joined(parts: readonly Buffer[]): Buffer | null {
  if (parts.length <= 1) return parts[0] ?? null;
  return Buffer.concat(parts);
}

export function withoutContinue<S extends Socket>(socket: S): S {
  const write = socket.write.bind(socket) as (chunk: unknown, encoding?: unknown, written?: unknown) => boolean;
  const read = socket.read.bind(socket);
  let before = false;
  let kept: Buffer | null = null;
  socket.write = (chunk: unknown, encoding?: unknown, written?: unknown): boolean => {
    if (typeof chunk === 'string') before = true;
    return write(chunk, encoding, written);
  };
  socket.read = (size?: number): unknown => {
    const chunk = read(size) as Buffer | null;
    if (!before || chunk === null) return chunk;
    const looked = lookAtHeads(kept === null ? chunk : Buffer.concat([kept, chunk]));
    before = looked.before;
    kept = looked.keep;
    return looked.pass;
  };
  return socket;
}
