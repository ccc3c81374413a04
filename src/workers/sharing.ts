/** How workers can share the port on this system, and which port it is. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions } from 'node:net';
import type { Sharing } from '../app/place.ts';
import type { Config } from '../config/config.ts';

export interface SharedPort {
  /** Where the configuration says 0: the one that is free. */
  readonly port: number;
  readonly sharing: Sharing;
  /** The socket that was handed over to this process. Not there: none was. */
  readonly fd?: number;
}

/** Where a worker has that: after stdin, stdout, stderr and Node's channel. */
export const socketOfWorkers = 4;

/**
 * Looks before the workers start. They would share the port with any other program that shares its own. So this
 * process takes it alone first, and rejects with the system's error if it can't. A socket that was handed over is given
 * on to all: it stays open in the parent, so callers wait in it also while no worker is there.
 */
export async function sharedPort({ host, port, fd }: Config['listen']): Promise<SharedPort> {
  if (fd !== undefined) return { port, sharing: 'handedOver', fd };
  const taken = await tryToListen({ host, port });
  try {
    await tryToListen({ host, port: taken, reusePort: true });
    return { port: taken, sharing: 'reusePort' };
  } catch {
    return { port: taken, sharing: 'cluster' };
  }
}

async function tryToListen(options: ListenOptions): Promise<number> {
  const server = createServer().listen(options);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
