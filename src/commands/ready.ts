/**
 * Asks a Weir on this machine whether it is ready: for health checks of containers, which have no curl. A program of
 * its own (src/ready.ts), since it runs every few seconds in the memory of the container: it loads nothing of the
 * gateway.
 */
import type { Environment } from '../config/environment.ts';
import { opsPort } from './ops-address.ts';
import { askOps } from './ops-call.ts';
import type { CommandIo } from './options.ts';

/** How long a health check waits for an answer, milliseconds. */
export const healthTimeoutMs = 3_000;

/** Resolves to the exit code: 0 ready; 1 not, with the reason on stderr. */
export async function ready(env: Environment, io: CommandIo): Promise<number> {
  const url = `http://${opsPort(null, env, io).address}/readyz`;
  const answer = await askOps('GET', url, { timeoutMs: healthTimeoutMs });
  if (answer.status === 200) return 0;
  io.err(`${url}: ${answer.text}`);
  return 1;
}
