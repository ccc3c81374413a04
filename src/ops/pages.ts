/** What the ops port says to whoever looks: liveness, readiness, metrics, status, and what to do when an alert fires. */
import { readFileSync } from 'node:fs';
import type { URLSearchParams } from 'node:url';
import { security } from './assets.ts';
import { json, type OpsPage, text } from './page.ts';
import type { OpsSources } from './ports.ts';
import { statusPage, type Viewer } from './status.ts';

export interface Asked extends Viewer {
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
}

/** Where the links of the alerts lead. */
const runbook = readFileSync(new URL('runbook.html', import.meta.url), 'utf8');
/** What is served here, for programs. It is made of docs/reference/ops-port.openapi.yaml. */
const openapi = readFileSync(new URL('openapi.json', import.meta.url), 'utf8');

type Answer = (sources: OpsSources, asked: Asked) => OpsPage | Promise<OpsPage>;

const answers: Readonly<Record<string, Answer>> = {
  // Asks nobody: a process that can say this is alive, whatever happens around it.
  '/livez': () => text(200, 'ok'),
  '/readyz': (sources) => {
    const { ready, why } = sources.ready();
    return ready ? text(200, 'ok') : text(503, `not ready: ${why ?? 'no reason given'}`);
  },
  '/metrics': async (sources, { accept }) => ({ status: 200, ...(await sources.metrics(accept)) }),
  '/status': (sources, asked) => statusPage(sources, asked.query, asked),
  '/runbook': () => ({ status: 200, contentType: 'text/html; charset=utf-8', body: runbook, fields: security }),
  '/openapi.json': () => ({ status: 200, contentType: 'application/json', body: openapi }),
};

/** Where this machine asks for a reload, with POST. */
export const reloadPath = '/reload';

export const opsPaths = Object.keys(answers);

/** These paths ask for no credential: probes and scrapers may bring some that are for others. */
export const openPaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/openapi.json']);

/** The page hears here of what changes. */
export const eventsPath = '/events';

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
