/** What the ops port says: liveness, readiness, metrics and the replica's status. */
import type { Snapshot } from '../observe/snapshot.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not; null when ready. */
  readonly why: string | null;
}

export interface OpsSources {
  ready(): Readiness;
  snapshot(): Snapshot | Promise<Snapshot>;
  /** @param accept the scraper's `Accept` field */
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface OpsPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

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
    return { status: 200, contentType: 'application/json', body: `${JSON.stringify(status, null, 2)}\n` };
  },
};

export const opsPaths = Object.keys(answers);

/** The page for a request; null: there is none at this path. */
export function pageFor(path: string): Answer | null {
  return Object.hasOwn(answers, path) ? (answers[path] as Answer) : null;
}

export function text(status: number, line: string): OpsPage {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}
