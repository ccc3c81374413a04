/** The log as it is configured: its settings, and the file that it goes to. */
import { closeSync } from 'node:fs';
import { LogFileProblem, openLogFile } from '../adapters/log/file.ts';
import type { FormatName } from '../adapters/log/formats.ts';
import { type AdjustableLog, createLog } from '../adapters/log/log.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { StartError } from './start-error.ts';

type LogConfig = Config['log'];

const stdout = 1;

/** What the log's stdout is. */
interface Terminal {
  readonly isTTY?: boolean | undefined;
  hasColors?(): boolean;
}

export class Logging {
  readonly log: AdjustableLog;
  readonly #terminal: Terminal;
  /** Null: the replica is one process, or this one is the parent, which writes what its workers have written. */
  readonly #worker: number | null;
  /** Null: stdout. */
  #file: string | null;

  /** @throws StartError where its file can't be written to */
  constructor(
    config: LogConfig,
    version: string,
    clock: Clock,
    terminal: Terminal = process.stdout,
    worker: number | null = null,
  ) {
    this.#terminal = terminal;
    this.#worker = worker;
    this.#file = config.file;
    const destination = worker === null ? open(config.file) : stdout;
    const colours = terminal.isTTY === true && (terminal.hasColors?.() ?? false);
    this.log = createLog({
      ...config,
      format: formatFor(config, terminal),
      clock,
      destination,
      version,
      worker,
      colours,
    });
  }

  /** What workers need to know of it, since they write to a pipe. */
  get terminal(): { readonly isTTY: boolean; readonly colours: boolean } {
    const { isTTY = false } = this.#terminal;
    return { isTTY, colours: isTTY && (this.#terminal.hasColors?.() ?? false) };
  }

  /**
   * Opens what other settings need, which may fail (`StartError`): then the ones before stay. What it returns has them
   * be in force, or lets go of what was opened.
   */
  prepare(config: LogConfig): { commit(): void; discard(): void } {
    const moves = this.#worker === null && config.file !== this.#file;
    const fd = moves ? open(config.file) : null;
    return {
      commit: () => {
        this.log.configure({ ...config, format: formatFor(config, this.#terminal) });
        this.#file = config.file;
        if (fd !== null) this.log.redirect(fd);
      },
      discard: () => {
        if (fd !== null && fd !== stdout) closeSync(fd);
      },
    };
  }

  /** The file may have been renamed meanwhile. If it can't be opened anew, lines go on to the old one. */
  reopen(): void {
    if (this.#file === null) {
      this.log.warn('SIGUSR2 means nothing here: it has log.file opened anew, which is not set');
      return;
    }
    try {
      this.log.redirect(openLogFile(this.#file));
      this.log.info('the log file is opened anew', { file: this.#file });
    } catch (error) {
      if (!(error instanceof LogFileProblem)) throw error;
      this.log.error('the log file cannot be opened anew: lines go on to the old one', { problem: error.message });
    }
  }
}

function open(file: string | null): number {
  if (file === null) return stdout;
  try {
    return openLogFile(file);
  } catch (error) {
    throw error instanceof LogFileProblem ? new StartError('log.file', error.message, error) : error;
  }
}

/** People read a terminal. */
function formatFor({ format, file }: LogConfig, { isTTY }: Terminal): FormatName {
  return format ?? (file === null && isTTY === true ? 'pretty' : 'weir');
}
