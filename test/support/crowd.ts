/** Callers who ask for more than there is, in a process of their own. */
import { startProcess } from './processes.ts';

export interface CrowdOrder {
  /** The replicas; requests take turns over them. */
  readonly urls: readonly string[];
  readonly path: string;
  readonly token: string;
  readonly body: string;
  /** So many ask at once, and so many a second from then on. */
  readonly atOnce: number;
  readonly ratePerS: number;
  /** For how long. Then whoever still waits hangs up. */
  readonly ms: number;
}

export interface CrowdReport {
  readonly asked: number;
  /** For each replica how often each status came; a connection that broke counts by its error. */
  readonly answered: readonly Readonly<Record<string, number>>[];
}

/** Resolves when the last has hung up. */
export async function runCrowd(order: CrowdOrder): Promise<CrowdReport> {
  await using crowd = startProcess([JSON.stringify(order)], { script: 'test/support/crowd-process.ts' });
  return JSON.parse(await crowd.waitForLine(/^\{/, order.ms + 30_000)) as CrowdReport;
}
