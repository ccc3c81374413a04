/**
 * A load balancer as plain as there is: it asks each replica's /readyz, takes turns over those that are ready, and
 * repeats nothing. What it could not hand on is a 502, and counted.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'undici';
import { ask } from '../../support/ask.ts';
import { listening } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

interface Replica {
  readonly url: string;
  readonly pool: Pool;
  ready: boolean;
}

const probeMs = 250;

export class Balancer implements AsyncDisposable {
  /** Why requests could not be handed on. */
  readonly failures: string[] = [];
  readonly #server: Server;
  readonly #replicas = new Map<string, Replica>();
  readonly #probes: NodeJS.Timeout;
  #turn = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#handOn(request, response));
    this.#probes = setInterval(() => void this.#probeAll(), probeMs);
  }

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    await listening(balancer.#server);
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once it is found ready. */
  async add({ url, opsUrl }: { readonly url: string; readonly opsUrl: string }): Promise<void> {
    const replica = { url, pool: new Pool(url, { connections: null, headersTimeout: 0 }), ready: false };
    this.#replicas.set(opsUrl, replica);
    await until(() => replica.ready, { what: `${opsUrl} to be ready` });
  }

  /** One that has ended. */
  async remove({ opsUrl }: { readonly opsUrl: string }): Promise<void> {
    const replica = this.#replicas.get(opsUrl);
    this.#replicas.delete(opsUrl);
    await replica?.pool.destroy();
  }

  async #probeAll(): Promise<void> {
    const probes = [...this.#replicas].map(async ([opsUrl, replica]) => {
      const answer = await ask('GET', `${opsUrl}/readyz`, { signal: AbortSignal.timeout(60_000) }).catch(() => null);
      replica.ready = answer?.status === 200;
    });
    await Promise.all(probes);
  }

  async #handOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ready = [...this.#replicas.values()].filter((replica) => replica.ready);
    const replica = ready[this.#turn++ % ready.length];
    try {
      if (replica === undefined) throw new Error('no replica is ready');
      const { connection: _, ...headers } = request.headers;
      const { method = 'GET', url: path = '/' } = request;
      const answer = await replica.pool.request({ method, path, headers, body: request });
      response.writeHead(answer.statusCode);
      await pipeline(answer.body, response);
    } catch (error) {
      this.failures.push(`${replica?.url}: ${(error as Error).message}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#probes);
    this.#server.closeAllConnections();
    this.#server.close();
    await Promise.all([...this.#replicas.values()].map(({ pool }) => pool.destroy()));
  }
}
