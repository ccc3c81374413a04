/**
 * Asks a Weir on this machine whether it is ready: for health checks of containers, which have no curl. A program of
 * its own (src/ready.ts), since it runs every few seconds in the memory of the container: it loads nothing of the
 * gateway.
 */
import { get } from 'node:http';
import { opsAddress } from './ops-address.ts';
import type { CommandIo } from './options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const timeoutMs = 3_000;

/** Resolves to the exit code: 0 ready; 1 not, with the reason on stderr. */
export async function ready(env: Environment, io: CommandIo): Promise<number> {
  const url = `http://${opsAddress(null, env, io)}/readyz`;
  const answer = await ask(url);
  if (answer.status === 200) return 0;
  io.err(`${url}: ${answer.text}`);
  return 1;
}

interface Answer {
  /** Null: none came. */
  readonly status: number | null;
  readonly text: string;
}

export function ask(url: string): Promise<Answer> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? null, text: text.trim() }));
      response.on('error', ({ message }) => resolve({ status: null, text: message }));
    });
    request.on('error', ({ message }) => resolve({ status: null, text: message }));
  });
}
