/** What the service manager is told while `weir serve` runs: that it serves, reloads, stops, and is alive. */

import { machineClock } from '../adapters/node/clock.ts';
import { type Send, systemdNotify, watchdogMs } from '../adapters/systemd/notify.ts';
import type { Alarm, Clock } from '../clock.ts';
import type { Environment } from '../config/environment.ts';
import type { Log } from '../observe/ports.ts';
import type { ReloadReport } from '../ops/ports.ts';
import { reachable } from './ops-address.ts';
import { askOps } from './ops-call.ts';
import { healthTimeoutMs } from './ready.ts';

interface OpsPort {
  readonly host: string;
  readonly port: number;
}

interface ServiceManagerDeps {
  /** Null: there is no service manager to tell. */
  readonly send: Send | null;
  /** How often it wants to hear that Weir is alive, milliseconds; null: never. */
  readonly watchdogMs: number | null;
  /** Whether the ops port answers. */
  readonly alive: (ops: OpsPort) => Promise<boolean>;
  /** Microseconds of the system's monotonic clock. */
  readonly monotonicUs: () => bigint;
  readonly clock: Clock;
  readonly log: Log;
}

export class ServiceManager {
  readonly #deps: ServiceManagerDeps;
  #status = '';
  #stopping = false;
  #alarm: Alarm | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(deps: ServiceManagerDeps) {
    this.#deps = deps;
  }

  /** From now on callers are served. */
  ready(port: number, ops: OpsPort): void {
    this.#status = `Serving on port ${port}; the ops port is ${ops.port}`;
    this.#tell('READY=1', `STATUS=${this.#status}`);
    this.#watch(ops);
  }

  reloading(): void {
    if (!this.#stopping) this.#tell('RELOADING=1', `MONOTONIC_USEC=${this.#deps.monotonicUs()}`, 'STATUS=Reloading');
  }

  reloaded({ result }: ReloadReport): void {
    const refused = result === 'refused' ? '; the last configuration was refused, see the log' : '';
    if (!this.#stopping) this.#tell('READY=1', `STATUS=${this.#status}${refused}`);
  }

  /** The watchdog goes on: draining may take longer than it waits. */
  stopping(): void {
    this.#stopping = true;
    this.#tell('STOPPING=1', 'STATUS=Stopping: requests that wait are served');
  }

  /** Resolves when all was told. */
  async close(): Promise<void> {
    this.#alarm?.cancel();
    this.#alarm = null;
    await this.#last;
  }

  /** At half the time, as sd_watchdog_enabled(3) wants it. */
  #watch(ops: OpsPort): void {
    const { watchdogMs, clock } = this.#deps;
    if (watchdogMs !== null) this.#alarm = clock.after(watchdogMs / 2, () => void this.#look(ops));
  }

  async #look(ops: OpsPort): Promise<void> {
    const { alive, log } = this.#deps;
    if (await alive(ops)) this.#tell('WATCHDOG=1');
    else log.error('the ops port does not answer: the watchdog of the service manager is not told that Weir is alive');
    if (this.#alarm !== null) this.#watch(ops);
  }

  #tell(...assignments: string[]): void {
    const { send, log } = this.#deps;
    if (send === null) return;
    this.#last = send(assignments).catch((error: Error) => {
      log.warn('the service manager could not be told', { what: assignments[0], reason: error.message });
    });
  }
}

/** By the environment: systemd, or nobody. */
export function managerOf(env: Environment, log: Log): ServiceManager {
  return new ServiceManager({
    send: systemdNotify(env),
    watchdogMs: watchdogMs(env, process.pid),
    async alive(ops) {
      const answer = await askOps('GET', `http://${reachable(ops)}/livez`, { timeoutMs: healthTimeoutMs });
      return answer.status === 200;
    },
    monotonicUs: () => process.hrtime.bigint() / 1_000n,
    clock: machineClock,
    log,
  });
}
