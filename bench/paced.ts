/**
 * The load at a fixed rate: requests go out when they are due, whether the earlier ones are answered or not, each on an
 * idle connection or on another one. So a proxy that stands still for 100 ms is late with all that was due meanwhile,
 * not with one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';

/** What to do, told by the bench over IPC; `stop` ends it. */
export interface PacedOrder {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Requests a second. */
  readonly rate: number;
}

export interface PacedReport {
  /** From when each request was due to the end of its answer, milliseconds; in the order in which they were due. */
  readonly latenciesMs: readonly number[];
  /** How late each was sent, milliseconds: this process's own share of the above. */
  readonly latenessMs: readonly number[];
  /** Answered with anything but a 2xx, or not at all. */
  readonly failures: number;
  /** What the first failure was; null: there was none. */
  readonly firstFailure: string | null;
}

const connectionsMax = 256;

let over = false;
process.on('message', (order: PacedOrder | 'stop') => {
  over = order === 'stop';
  if (order !== 'stop') void run(order).then((report) => process.send?.(report));
});
process.once('disconnect', () => process.exit());

async function run(order: PacedOrder): Promise<PacedReport> {
  const pool = new Pool(order.origin, { connections: connectionsMax });
  const latenciesMs: number[] = [];
  const latenessMs: number[] = [];
  const failures: string[] = [];
  const send = async (dueAt: number, i: number): Promise<void> => {
    latenessMs[i] = performance.now() - dueAt;
    try {
      const status = await post(pool, order);
      latenciesMs[i] = performance.now() - dueAt;
      if (status < 200 || status > 299) failures.push(`status ${status}`);
    } catch (error) {
      failures.push((error as Error).message);
    }
  };
  const answers: Promise<void>[] = [];
  const startedAt = performance.now();
  while (!over) {
    const dueAt = startedAt + (answers.length * 1_000) / order.rate;
    const earlyMs = dueAt - performance.now();
    if (earlyMs > 0) await pause(Math.ceil(earlyMs));
    else answers.push(send(dueAt, answers.length));
  }
  await Promise.all(answers);
  await pool.close();
  return { latenciesMs, latenessMs, failures: failures.length, firstFailure: failures[0] ?? null };
}

async function post(pool: Pool, { path, headers, body }: PacedOrder): Promise<number> {
  const answer = await pool.request({ method: 'POST', path, headers, body });
  await answer.body.dump();
  return answer.statusCode;
}
