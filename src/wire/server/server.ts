/** The main port: it listens, and gives each connection its place and what serves it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { ConnectionBounds } from '../connections.ts';
import { CallerConnection } from './connection.ts';
import type { ConnectionSettings, ServerEvents, ServerOptions } from './options.ts';
import { Places, plainAddress } from './places.ts';
import { Reception } from './reception.ts';
import { createSecureServer } from './tls.ts';

export type MainServer = Awaited<ReturnType<typeof startServer>>;

/** Half a connection is one on which an answer can still be sent: `connection.ts`. */
const socketOptions = { allowHalfOpen: true, noDelay: true };

/** Rejects with the system's error where the address can't be listened on. */
export async function startServer(options: ServerOptions, events: ServerEvents) {
  const { connectionsMax, connectionsPerAddressMax = null, trusts = () => false } = options;
  const places = new Places({
    bounds: { max: connectionsMax, perAddressMax: connectionsPerAddressMax, closesBusy: false },
    isShared: trusts,
    closed: (address, newcomer) => events.crowded?.(address, newcomer),
  });
  const reception = new Reception(options, events, places.table);
  const { server, secure } = create(options, events, places, reception);
  const { fd, port, host, reusePort = false } = options;
  // A process that Node's cluster module started would have its parent listen, unless it wants the port for itself.
  server.listen(fd === undefined ? { port, host, reusePort, exclusive: reusePort } : { fd });
  await once(server, 'listening');
  server.on('error', (error) => events.acceptFailed(error));
  return {
    port: (server.address() as AddressInfo).port,
    get connections(): number {
      return places.table.count;
    },
    /** Shows another certificate from the next connection on. Only where there is TLS. */
    secure,
    /** Other times and bounds, for what begins from now on. */
    configure(settings: ConnectionSettings, bounds: Omit<ConnectionBounds, 'closesBusy'>): void {
      places.table.configure({ ...bounds, closesBusy: false });
      reception.configure(settings);
    },
    /** From now on every answer ends its connection, so that callers look for another replica; false: no longer. */
    retire(isRetiring = true): void {
      reception.retiring = isRetiring;
    },
    /** Takes no new connections; resolves when the last open one has been closed. Idle ones are closed at once. */
    close: () =>
      new Promise<void>((resolve) => {
        reception.retiring = true;
        server.close(() => {
          reception.close();
          resolve();
        });
        for (const connection of reception.open) if (connection.idle) connection.socket.destroy();
      }),
    /** Breaks what is still open. */
    destroy(): void {
      reception.stopping = true;
      places.breakHandshakes();
      for (const { socket } of reception.open) socket.destroy();
    },
  };
}

function create(options: ServerOptions, events: ServerEvents, places: Places, reception: Reception) {
  const { tls, headTimeoutMs } = options;
  if (tls === null) {
    const server = createServer(socketOptions, (socket) => {
      const place = places.enter(socket);
      if (place !== null) new CallerConnection(socket, false, plainAddress(socket.remoteAddress), place, reception);
    });
    return { server, secure: () => {} };
  }
  const made = createSecureServer(socketOptions, tls, headTimeoutMs, (reason, address) =>
    events.handshakeFailed(reason, plainAddress(address)),
  );
  made.server.on('connection', (socket: Socket) => places.enterHandshake(socket));
  made.server.on('secureConnection', (socket) => {
    const place = places.secured(socket);
    if (place === null) socket.destroy();
    else new CallerConnection(socket, true, plainAddress(socket.remoteAddress), place, reception);
  });
  return made;
}
