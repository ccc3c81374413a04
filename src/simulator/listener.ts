import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

// Longer than any client keeps its idle connections, so that the simulator resets none by accident.
const keepAliveMs = 75_000;

/** A server on a port that stays its own while it is shut and opened again. */
export class Listener {
  readonly #server: Server;
  readonly #host: string;
  #port: number;
  #opening: Promise<void> | null = null;

  constructor(answer: RequestListener, host: string, port: number, connected: (socket: Socket) => void = () => {}) {
    this.#server = createServer({ keepAliveTimeout: keepAliveMs }, answer)
      .on('connection', connected)
      // A port that can't be had is told by `open`; a connection that can't be accepted later ends nothing.
      .on('error', () => {});
    this.#host = host;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  async open(): Promise<void> {
    if (this.#server.listening) return;
    this.#opening ??= this.#listen().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** New connections are refused from now on; busy ones go on. */
  async shut(): Promise<void> {
    await this.#opening;
    this.#server.close();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, this.#host);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }
}

/** The whole body of a request, which is read to its end in any case; null: it has more than `maxBytes`. */
export async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
  }
  return bytes > maxBytes ? null : Buffer.concat(chunks);
}
