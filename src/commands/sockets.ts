/** Ports that the service manager has opened for `weir serve`. */

import { type HandedOver, SocketProblem, socketsHandedOver } from '../adapters/systemd/sockets.ts';
import type { Config } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { CommandIo } from './options.ts';

export type { HandedOver };

/** Null: why they can't be used was told. */
export function handedOver(env: Environment, io: CommandIo): HandedOver | null {
  try {
    return socketsHandedOver(env, process.pid);
  } catch (error) {
    if (!(error instanceof SocketProblem)) throw error;
    io.err(`weir serve: ${error.message}`);
    return null;
  }
}

/** They take the place of hosts and ports. */
export function withSockets(config: Config, { main, ops }: HandedOver): Config {
  return {
    ...config,
    listen: { ...config.listen, ...(main !== null && { fd: main }) },
    ops: { ...config.ops, ...(ops !== null && { fd: ops }) },
  };
}
