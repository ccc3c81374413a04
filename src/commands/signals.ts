/**
 * What each signal means to `weir serve`. docs/reference/signals-and-exit-codes.md says the same to operators. Other
 * signals do what they do to any process; Node itself ignores SIGPIPE and SIGXFSZ.
 */
import { machineClock } from '../adapters/node/clock.ts';
import type { Log } from '../observe/ports.ts';

export type Stopping = 'SIGTERM' | 'SIGINT';

/** npm passes on a SIGINT that the terminal has already sent to both: two at once were meant as one. */
const echoMs = 500;

/**
 * Listens to all signals that mean something. Signals to stop are handed out one at a time. A signal to reload is kept until
 * somebody can do it. Each of the others is a line in the log.
 */
export class Signals {
  readonly #came: Stopping[] = [];
  readonly #waiting: ((signal: Stopping) => void)[] = [];
  #reload: (() => void) | null = null;
  #reloadAsked = false;

  /** @param logging has its file opened anew */
  constructor(log: Pick<Log, 'warn'>, logging: { reopen(): void }) {
    this.#listenToStop('SIGTERM');
    this.#listenToStop('SIGINT');
    process.on('SIGHUP', () => this.#askToReload());
    const closed = 'SIGUSR1: Node’s inspector stays closed; start with NODE_OPTIONS=--inspect to have it open';
    process.on('SIGUSR1', () => log.warn(closed));
    // If Node was told to do something at SIGUSR2, such as to write a heap snapshot, it listens already.
    if (process.listenerCount('SIGUSR2') === 0) process.on('SIGUSR2', () => logging.reopen());
  }

  /** From now on, and at once where it was asked for before. */
  onReload(reload: () => void): void {
    this.#reload = reload;
    if (this.#reloadAsked) reload();
  }

  #askToReload(): void {
    this.#reloadAsked = true;
    this.#reload?.();
  }

  next(): Promise<Stopping> {
    const came = this.#came.shift();
    return came === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(came);
  }

  #listenToStop(signal: Stopping): void {
    let cameAt = Number.NEGATIVE_INFINITY;
    process.on(signal, () => {
      const now = machineClock.now();
      if (now - cameAt < echoMs) return;
      cameAt = now;
      const next = this.#waiting.shift();
      if (next === undefined) this.#came.push(signal);
      else next(signal);
    });
  }
}
