/** A caller's connection that ends in every way there is, with TLS or without. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { until, within } from '../until.ts';

/** `reset`: TCP's RST. `close`: at once, with whatever has not been read. `end`: its own side first, then the rest. */
export const endings = ['reset', 'close', 'end'] as const;
export type Ending = (typeof endings)[number];

const deadlineMs = 60_000;

export class Connection {
  /** TCP's own, below TLS. */
  readonly #raw: Socket;
  readonly #socket: Socket;
  #received = '';

  constructor(raw: Socket, socket: Socket) {
    this.#raw = raw;
    this.#socket = socket;
    for (const one of new Set([raw, socket])) one.on('error', () => {});
  }

  /** What has come, Latin-1. */
  get received(): string {
    return this.#received;
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** Reads what comes; without it, an answer fills the buffers on its way. */
  read(): this {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
    });
    return this;
  }

  send(bytes: string | Buffer): this {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Some of an answer has come, or the connection has ended without. */
  async answered(): Promise<void> {
    await until(() => this.#received !== '' || this.closed, { what: 'an answer, or an end', deadlineMs });
  }

  async leave(how: Ending): Promise<void> {
    if (this.#raw.destroyed) return;
    const closed = once(this.#raw, 'close');
    switch (how) {
      case 'reset':
        this.#raw.resetAndDestroy();
        break;
      case 'close':
        this.#socket.destroy();
        this.#raw.destroy();
        break;
      case 'end':
        this.#socket.end(() => this.#raw.destroy());
        // What is not taken is never finished.
        if (this.#socket.writableLength > 0) this.#raw.destroy();
        break;
    }
    await within(closed, { what: 'the caller’s own socket to close', deadlineMs });
  }
}

/** @param secure false: TCP alone, whatever the port speaks */
export async function openConnection(host: string, port: number, secure: boolean): Promise<Connection> {
  const raw = connect({ port, host, noDelay: true });
  await within(once(raw, 'connect'), { what: 'a connection', deadlineMs });
  if (!secure) return new Connection(raw, raw);
  const socket = connectSecurely({ socket: raw, servername: 'localhost', rejectUnauthorized: false });
  await within(once(socket, 'secureConnect'), { what: 'the handshake', deadlineMs });
  return new Connection(raw, socket);
}
