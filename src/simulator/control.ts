/**
 * The control endpoint, `/_simulator/`: change the settings, ask what arrived. Its requests are neither counted nor
 * limited.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from './arrivals.ts';
import { type Class, classes, targetOf } from './classes.ts';
import { send } from './coreapp.ts';
import { decoded } from './endpoints.ts';
import { type Answer, failure } from './envelope.ts';
import type { JobFigures } from './jobs.ts';
import type { Seen, Trace } from './ledger.ts';
import { bodyOf } from './listener.ts';
import { lineOf, type Problem, shown } from './problems.ts';
import type { Settings } from './settings.ts';

export const controlPrefix = '/_simulator/';

const patchMaxBytes = 1_048_576;

/** What can be asked and told, in the process or over HTTP. */
export interface Controls {
  settings(): Settings;
  /** Lays a JSON merge patch over the settings; resolves when it holds, with every problem if it does not. */
  configure(patch: unknown): Promise<readonly Problem[]>;
  seen(): Seen & { readonly jobs: JobFigures };
  trace(id: string): Trace | null;
  arrivals(name: Class): [number, Outcome][];
  /** Forgets what was seen; settings and queued jobs stay. */
  resetSeen(): void;
}

export function serveControl(controls: Controls, request: IncomingMessage, response: ServerResponse): void {
  answerControl(controls, request)
    .catch((error: unknown) => failure('failed', [error instanceof Error ? error.message : String(error)]))
    .then((answer) => send(response, answer))
    .catch(() => response.destroy());
}

async function answerControl(controls: Controls, request: IncomingMessage): Promise<Answer> {
  const { path, query } = targetOf(request.url as string);
  const what = path.slice(controlPrefix.length);
  const method = request.method as string;
  const body = await bodyOf(request, patchMaxBytes);
  if (body === null) throw new Error(`The body is longer than ${patchMaxBytes} bytes.`);
  switch (what) {
    case 'settings':
      if (method === 'GET') return json(controls.settings());
      if (method === 'PATCH') return configure(controls, body.toString());
      return notAllowed(method, 'GET, PATCH');
    case 'seen':
      if (method === 'GET') return json(controls.seen());
      if (method !== 'DELETE') return notAllowed(method, 'GET, DELETE');
      controls.resetSeen();
      return json(controls.seen());
    case 'arrivals':
      return method === 'GET' ? arrivals(controls, query) : notAllowed(method, 'GET');
  }
  if (!what.startsWith('seen/')) {
    return failure('notFound', [
      `There is no ${path}; ask for settings, seen, seen/{request id} or arrivals?class=… below ${controlPrefix}.`,
    ]);
  }
  if (method !== 'GET') return notAllowed(method, 'GET');
  const id = decoded(what.slice('seen/'.length));
  const trace = controls.trace(id);
  return trace === null ? failure('notFound', [`No request ${shown(id)} was seen.`]) : json(trace);
}

async function configure(controls: Controls, body: string): Promise<Answer> {
  let patch: unknown;
  try {
    patch = JSON.parse(body);
  } catch (error) {
    return failure('malformed', [`The body is not JSON (${(error as Error).message}); give an object of settings.`]);
  }
  const problems = await controls.configure(patch);
  return problems.length === 0 ? json(controls.settings()) : failure('invalid', problems.map(lineOf));
}

function arrivals(controls: Controls, query: string): Answer {
  const name = new URLSearchParams(query).get('class');
  const known = classes.find((one) => one === name);
  if (known === undefined)
    return failure('invalid', [`class: ${shown(name)} is not right; give one of ${classes.join(', ')}`]);
  return json(controls.arrivals(known));
}

const json = (value: unknown): Answer => ({ status: 200, type: 'application/json', body: JSON.stringify(value) });

const notAllowed = (method: string, allowed: string): Answer =>
  failure('methodNotAllowed', [`${method} is not allowed here; use ${allowed}.`], ['Allow', allowed]);
