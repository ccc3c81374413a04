/**
 * The end of a connection whose caller was refused before there was an exchange, or in the middle of its body. It is
 * not closed at once: bytes that still come would reset it and lose the answer (RFC 9112, 9.6). Nor is it kept for
 * long.
 */
import type { Duplex } from 'node:stream';

const lingerMaxMs = 5_000;

/** Breaks the connection after a while, whatever its caller still sends. */
export function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMaxMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
