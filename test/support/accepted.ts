/** The other ends of callers' connections where the server is in this process: what it has read shows nowhere else. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import type { RawCaller } from './raw.ts';
import { until } from './until.ts';

const channel = 'net.server.socket';

/** For the tests of a file or of a block. Returns what waits until the server has read all that a caller has sent. */
export function watchReading(): (caller: RawCaller) => Promise<unknown> {
  const accepted = new Map<number | undefined, Socket>();
  const keep = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    accepted.set(socket.remotePort, socket);
  };
  beforeAll(() => subscribe(channel, keep));
  afterAll(() => void unsubscribe(channel, keep));
  return ({ socket }) =>
    until(() => accepted.get(socket.localPort)?.bytesRead === socket.bytesWritten, { what: 'all to have been read' });
}
