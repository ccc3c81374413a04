/**
 * Callers that have shut their sending side (`nc -N`). Requests that they have sent whole are answered.
 *
 * TCP says the same of a caller that has gone: an end, and no more. Only bytes tell them apart, since a caller that has
 * gone answers them with a reset, which the next write finds. So one that waits is sent `102 Processing`, twice: every
 * client of HTTP/1.1 has to let it pass (RFC 9110, 15.2). HTTP/1.0 has no such answers: there an end is a hang-up, as
 * before.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** An answer that is there by then comes without a 102. */
const lookEveryMs = 200;
/** A caller that is still there may go later: after so many looks it is asked again. */
const looksPerRound = 25;

/** For a response that waits: the earlier one, on the same connection, whose end it waits for. */
const before = new WeakMap<ServerResponse, ServerResponse>();

/** To be called with each request that comes before the one in front of it on its connection is answered. */
export function isBehind(response: ServerResponse, other: ServerResponse): void {
  before.set(response, other);
  other.once('close', () => before.delete(response));
}

/**
 * To be called at the end of what a caller sends.
 * @param latest its latest request's response; Node closes the connection behind it, or at once where there is none
 */
export function onHalfClosed(socket: Socket, latest: ServerResponse | undefined): void {
  if (latest === undefined || latest.closed) return;
  if (latest.req.httpVersion === '1.0' && !latest.headersSent) return void socket.end();
  latest.shouldKeepAlive = false;
  let looks = 0;
  const look = setInterval(() => {
    if (latest.closed || socket.destroyed) return void clearInterval(look);
    const first = firstOf(latest);
    // Bytes of an answer show by themselves whether anybody is there.
    if (!first.headersSent && looks % looksPerRound < 2) first.writeProcessing();
    looks += 1;
  }, lookEveryMs).unref();
  socket.once('close', () => clearInterval(look));
}

/** The one that is answered next. Not by recursion: a caller may have sent thousands. */
function firstOf(response: ServerResponse): ServerResponse {
  let first = response;
  for (let other = before.get(first); other !== undefined; other = before.get(first)) first = other;
  return first;
}
