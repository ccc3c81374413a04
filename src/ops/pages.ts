/** What the ops port says: liveness, readiness, metrics, the replica's status, and what to do when an alert fires. */
import { readFileSync } from 'node:fs';
import type { Snapshot } from '../observe/snapshot.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not; null when ready. */
  readonly why: string | null;
}

/** What became of a reload. */
export type ReloadReport =
  | {
      readonly result: 'applied';
      readonly hash: string;
      /** Settings, by their names. */
      readonly changed: readonly string[];
      readonly restartNeeded: readonly string[];
    }
  | { readonly result: 'unchanged'; readonly changed: readonly []; readonly restartNeeded: readonly string[] }
  | { readonly result: 'refused'; readonly problems: readonly string[] };

export interface OpsSources {
  ready(): Readiness;
  snapshot(): Snapshot | Promise<Snapshot>;
  /** @param accept the scraper's `Accept` field */
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string | Buffer }>;
  /** Reads the configuration again. Null: it is too early. */
  reload?(): Promise<ReloadReport> | null;
}

export interface OpsPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
}

/** Where the links of the alerts lead. */
const runbook = readFileSync(new URL('runbook.html', import.meta.url), 'utf8');

type Answer = (sources: OpsSources, accept: string | undefined) => OpsPage | Promise<OpsPage>;

const answers: Readonly<Record<string, Answer>> = {
  // Asks nobody: a process that can say this is alive, whatever happens around it.
  '/livez': () => text(200, 'ok'),
  '/readyz': (sources) => {
    const { ready, why } = sources.ready();
    return ready ? text(200, 'ok') : text(503, `not ready: ${why ?? 'no reason given'}`);
  },
  '/metrics': async (sources, accept) => ({ status: 200, ...(await sources.metrics(accept)) }),
  '/status': async (sources) => {
    const snapshot = await sources.snapshot();
    const { ready, why } = sources.ready();
    const status = { ...snapshot, ready, why };
    return json(200, status);
  },
  '/runbook': () => ({ status: 200, contentType: 'text/html; charset=utf-8', body: runbook }),
};

/** Where this machine asks for a reload, with POST. */
export const reloadPath = '/reload';

export const opsPaths = Object.keys(answers);

/** The page for a request; null: there is none at this path. */
export function pageFor(path: string): Answer | null {
  return Object.hasOwn(answers, path) ? (answers[path] as Answer) : null;
}

/** The page that a reload is answered with. */
export async function reloadPage(sources: OpsSources): Promise<OpsPage> {
  const reloading = sources.reload?.() ?? null;
  if (reloading === null) return text(503, 'Weir is starting: it cannot reload yet.');
  const report = await reloading;
  return json(report.result === 'refused' ? 422 : 200, report);
}

function json(status: number, value: object): OpsPage {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}

export function text(status: number, line: string): OpsPage {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}
