/**
 * Commands that this Redis keeps from Weir, which goes on without them. Each has one log line when it is missed, and
 * one when it is there again.
 */
import type { Log } from '../../observe/ports.ts';
import { isMissing, remedyFor } from './commands.ts';

export class Lacks {
  readonly #log: Log;
  readonly #commands = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Those that are missing now, in upper case. */
  get commands(): readonly string[] {
    return [...this.#commands];
  }

  missing(command: string, error: unknown): void {
    const name = command.toUpperCase();
    if (this.#commands.has(name)) return;
    this.#commands.add(name);
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn('Redis lacks a command', { command: name, reason, remedy: remedyFor(command) });
  }

  there(command: string): void {
    const name = command.toUpperCase();
    if (this.#commands.delete(name)) this.#log.info('Redis has the command again', { command: name });
  }
}

/** True: Redis has no such command, or this user may not use it so. False: something else failed. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof Error && (isMissing.test(error.message) || /\bNOPERM\b/.test(error.message));
