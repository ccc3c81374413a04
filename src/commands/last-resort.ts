/** For what nobody caught: an exception is a bug, but must not end a process that holds what callers have sent. */
import type { Log } from '../observe/ports.ts';

/** The exit code after a bug: EX_SOFTWARE of sysexits(3). */
export const bugExitCode = 70;

export class LastResort {
  /** Resolves with the first bug. Nobody knows what state it has left behind, so the process has to drain. */
  readonly struck: Promise<'bug'>;
  #hasStruck = false;

  constructor(log: Pick<Log, 'error'>) {
    const { promise, resolve } = Promise.withResolvers<'bug'>();
    this.struck = promise;
    const told = (message: string) => (error: unknown) => {
      this.#hasStruck = true;
      resolve('bug');
      try {
        log.error(message, { error });
      } catch {
        log.error(message, { reason: 'the error cannot be shown' });
      }
    };
    process.on('uncaughtException', told('a bug: an exception that nobody caught'));
    process.on('unhandledRejection', told('a bug: a rejection that nobody handled'));
  }

  get hasStruck(): boolean {
    return this.#hasStruck;
  }
}
