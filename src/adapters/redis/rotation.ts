import { createConnection } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { Endpoint } from '../../config/redis-url.ts';

type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;

/**
 * Connects to another of several places each time: to any node of a cluster, to any Sentinel. A subscriber hears the
 * same from each of them.
 *
 * @param tls null: without
 * @param disconnectTimeoutMs how long a peer may take to close its side
 */
export function rotationOver(
  places: () => readonly Endpoint[],
  tls: ConnectionOptions | null,
  disconnectTimeoutMs: number,
): new () => AbstractConnector {
  let turn = Math.floor(Math.random() * places().length); // Replicas spread over the places.
  return class extends AbstractConnector {
    constructor() {
      super(disconnectTimeoutMs);
    }

    override connect(): Promise<Stream> {
      this.connecting = true;
      const all = places();
      const { host, port } = all[turn++ % all.length] as Endpoint;
      const stream = tls === null ? createConnection({ host, port }) : connect({ ...tls, host, port });
      stream.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return Promise.resolve(stream);
    }
  };
}
