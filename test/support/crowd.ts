/** Callers who ask for more than there is, in a process of their own. */
import { startProcess, type TestProcess } from './processes.ts';

export interface CrowdOrder {
  /** The replicas; requests take turns over them. */
  readonly urls: readonly string[];
  readonly path: string;
  readonly token: string;
  readonly body: string;
  /** So many ask at once, and so many a second from then on. */
  readonly atOnce: number;
  readonly ratePerS: number;
  /** For how long. Then whoever still waits hangs up. Null: nobody comes but the first, and each waits for its answer. */
  readonly ms: number | null;
}

export interface CrowdReport {
  readonly asked: number;
  /** For each replica how often each status came; a connection that broke counts by its error. */
  readonly answered: readonly Readonly<Record<string, number>>[];
}

/** Longer than any crowd has to wait. */
const patienceMs = 100_000;

/** Disposing it makes all of them hang up. */
export function startCrowd(order: CrowdOrder): TestProcess {
  return startProcess([JSON.stringify(order)], { script: 'test/support/crowd-process.ts' });
}

/** Resolves when the last has hung up. */
export async function runCrowd(order: CrowdOrder): Promise<CrowdReport> {
  await using crowd = startCrowd(order);
  return JSON.parse(await crowd.waitForLine(/^\{/, (order.ms ?? patienceMs) + patienceMs)) as CrowdReport;
}
