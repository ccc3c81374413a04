/**
 * What a worker does: it starts the app by what its parent says, answers its questions, and drains when told to. Its
 * parent alone heeds signals: a terminal or an orchestrator may send them to all processes at once. When the parent is
 * gone, it ends.
 */
import { machineClock } from '../adapters/node/clock.ts';
import { Logging } from '../app/logging.ts';
import { WorkerLife } from '../workers/life.ts';
import type { FromWorker, ToWorker } from '../workers/messages.ts';
import { bugExitCode, LastResort } from './last-resort.ts';

/** Resolves to the exit code. */
export async function work(): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {});
  process.on('disconnect', () => process.exit());
  const { promise, resolve: end } = Promise.withResolvers<number>();
  let life: WorkerLife | null = null;
  process.on('message', (message: ToWorker) => {
    if (message.kind !== 'start') return life?.heard(message);
    const { config, worker, version, terminal } = message.start;
    const shown = { isTTY: terminal.isTTY, hasColors: () => terminal.colours };
    const logging = new Logging(config.log, version, machineClock, shown, worker);
    const { log } = logging;
    const lastResort = new LastResort(log);
    let { graceMs } = config.stop;
    const begun = new WorkerLife(message.start, {
      clock: machineClock,
      log,
      send,
      applied(next) {
        ({ graceMs } = next.stop);
        logging.prepare(next.log).commit();
      },
    });
    life = begun;
    const finish = async (code: number): Promise<void> => {
      await log.flush();
      end(code);
    };
    void begun.begin().then((objection) => (objection === null ? undefined : finish(1)));
    void begun.ended.then(() => finish(lastResort.hasStruck ? bugExitCode : 0));
    void lastResort.struck.then(() => begun.leave(graceMs));
  });
  return await promise;
}

/** Resolves when it is written, or nobody can be told any more. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
