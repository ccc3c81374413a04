/** Why Weir can't start, where a setting is the reason: one line for its operator. Any other error is a bug. */
import { leafOf } from '../config/layer.ts';

export class StartError extends Error {
  /** By its name in the configuration file: `ops.port`. */
  readonly setting: string;
  /** What is wrong with it, and what would be right. */
  readonly problem: string;

  constructor(setting: string, problem: string, cause?: unknown) {
    const variable = leafOf(setting).about.env;
    super(`${setting}${variable === undefined ? '' : ` (${variable})`}: ${problem}`, { cause });
    this.setting = setting;
    this.problem = problem;
  }
}

/** What to throw in the place of an error that came of listening on the main port or on the ops port. */
export function listenProblem(
  section: 'listen' | 'ops',
  at: { host: string; port: number; fd?: number },
  error: unknown,
): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return error;
  const port = (problem: string) => new StartError(`${section}.port`, `${at.port} ${problem}`, error);
  if (at.fd !== undefined) {
    // Without the descriptor: a worker has it by another number than systemd gave it.
    const problem = `the socket that was handed over for it (LISTEN_FDS) does not listen (${code ?? message}); hand over a listening one of TCP`;
    return new StartError(`${section}.port`, problem, error);
  }
  if (code === 'EADDRINUSE') return port('is taken by another process; stop that one or give another port');
  if (code === 'EACCES') return port('needs privileges that this process lacks; give a port above 1023');
  const problem = `${at.host} cannot be listened on (${code ?? message}); give an address of this machine`;
  return new StartError(`${section}.host`, problem, error);
}
