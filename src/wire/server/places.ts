/** The connections of callers: each has a place in the table, or is closed. */
import type { Socket } from 'node:net';
import { networkOf } from '../../http/network.ts';
import { type Connection, type ConnectionBounds, ConnectionTable } from '../connections.ts';

export interface Crowd {
  readonly bounds: ConnectionBounds;
  /** Whether an address is that of many callers. */
  readonly isShared: (address: string) => boolean;
  /** A connection was closed since there are too many. @param newcomer whether it is the one that had just come */
  readonly closed: (address: string, newcomer: boolean) => void;
}

interface ShakingHands {
  readonly place: Connection;
  readonly socket: Socket;
}

export class Places {
  readonly #crowd: Crowd;
  readonly table: ConnectionTable;
  /** Those that are not secure yet, by the peer's address and port: a handshake makes another socket of them. */
  readonly #shakingHands = new Map<string, ShakingHands>();

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.table = new ConnectionTable(crowd.bounds, ({ remoteAddress }) =>
      crowd.closed(plainAddress(remoteAddress), false),
    );
  }

  /** A connection has come. Null: there is no place for it, and it is closed. Whoever gets one gives it back. */
  enter(socket: Socket): Connection | null {
    const address = plainAddress(socket.remoteAddress);
    const place = this.table.open(networkOf(address), this.#crowd.isShared(address), socket);
    if (place !== null) return place;
    this.#crowd.closed(address, true);
    socket.destroy();
    return null;
  }

  /** The same for one that is about to become secure. */
  enterHandshake(socket: Socket): void {
    const place = this.enter(socket);
    if (place === null) return;
    const peer = peerOf(socket);
    this.#shakingHands.set(peer, { place, socket });
    socket.once('close', () => {
      this.table.leave(place);
      if (this.#shakingHands.get(peer)?.place === place) this.#shakingHands.delete(peer);
    });
  }

  /** The place of one that has become secure; null: it has lost it meanwhile. */
  secured(socket: Socket): Connection | null {
    const peer = peerOf(socket);
    const place = this.#shakingHands.get(peer)?.place ?? null;
    this.#shakingHands.delete(peer);
    return place;
  }

  /** Breaks the handshakes that are under way. */
  breakHandshakes(): void {
    for (const { socket } of this.#shakingHands.values()) socket.destroy();
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}|${remotePort}`;

/** IPv4 addresses as such, also where the socket listens on IPv6. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
