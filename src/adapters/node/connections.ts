/** The connections of callers to a server: each has a place in the table, or is closed. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { networkOf } from '../../http/network.ts';
import { type Connection, type ConnectionBounds, ConnectionTable } from '../../wire/connections.ts';

const place = Symbol('place');
type Placed = Duplex & { [place]?: Connection };

export interface Crowd {
  readonly bounds: ConnectionBounds;
  /** Whether an address is that of many callers. */
  readonly isShared: (address: string) => boolean;
  /** A connection was closed since there are too many. @param newcomer whether it is the one that had just come */
  readonly closed: (address: string, newcomer: boolean) => void;
}

export class CallerConnections {
  readonly #crowd: Crowd;
  readonly #table: ConnectionTable;
  /** Those that are not secure yet, by the peer's address and port: a handshake makes another socket of them. */
  readonly #shakingHands = new Map<string, Connection>();

  /** @param secure whether the server speaks TLS */
  constructor(server: Server, secure: boolean, crowd: Crowd) {
    this.#crowd = crowd;
    this.#table = new ConnectionTable(crowd.bounds);
    server.on('connection', (socket: Socket) => this.#open(socket, secure));
    if (!secure) return;
    server.on('secureConnection', (socket: Placed & Socket) => {
      const peer = peerOf(socket);
      const connection = this.#shakingHands.get(peer);
      if (connection !== undefined) socket[place] = connection;
      this.#shakingHands.delete(peer);
    });
  }

  get count(): number {
    return this.#table.count;
  }

  began(socket: Placed): void {
    const connection = socket[place];
    if (connection !== undefined) this.#table.began(connection);
  }

  ended(socket: Placed): void {
    const connection = socket[place];
    if (connection !== undefined) this.#table.ended(connection);
  }

  /** A valid credential was seen on it. */
  known(socket: Placed): void {
    const connection = socket[place];
    if (connection !== undefined) connection.known = true;
  }

  #open(socket: Placed & Socket, secure: boolean): void {
    const address = plainAddress(socket.remoteAddress);
    const connection = this.#table.open(networkOf(address), this.#crowd.isShared(address), () => {
      this.#crowd.closed(address, false);
      socket.destroy();
    });
    if (connection === null) {
      this.#crowd.closed(address, true);
      return void socket.destroy();
    }
    if (!secure) socket[place] = connection;
    const peer = secure ? peerOf(socket) : '';
    if (secure) this.#shakingHands.set(peer, connection);
    socket.once('close', () => {
      this.#table.leave(connection);
      if (secure && this.#shakingHands.get(peer) === connection) this.#shakingHands.delete(peer);
    });
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}|${remotePort}`;

/** IPv4 addresses as such, also where the socket listens on IPv6. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
