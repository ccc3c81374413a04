/** Weir, the simulator and callers as real processes and real requests, for end-to-end tests. */
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { basic } from './basic.ts';
import { type ProcessOptions, startProcess, type TestProcess } from './processes.ts';

export interface RunningWeir extends AsyncDisposable {
  readonly url: string;
  readonly opsUrl: string;
  readonly process: TestProcess;
}

export const adminPassword = 'Weir-2026!';
/** The defaults, but for figures that are of the moment. */
const freshFigures = fileURLToPath(new URL('fixtures/fresh-figures.yaml', import.meta.url));
/** On a machine that does much else. */
const startMaxMs = 120_000;

/** `weir serve` on free ports; `env` on top of what every test wants. */
export async function startWeir(
  env: Readonly<Record<string, string>>,
  options: Omit<ProcessOptions, 'env'> = {},
): Promise<RunningWeir> {
  const process = startProcess(['serve'], {
    ...options,
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      OPS_PORT: '0',
      WEIR_ADMIN_PASSWORD: adminPassword,
      WEIR_CONFIG: freshFigures,
      ...env,
    },
  });
  const line = await process.waitForLine(/"msg":"serving"/, startMaxMs);
  const { port, opsPort } = JSON.parse(line) as { port: number; opsPort: number };
  const host = env['HOST'] ?? '127.0.0.1';
  return {
    url: `http://${host}:${port}`,
    opsUrl: `http://${host}:${opsPort}`,
    process,
    async [Symbol.asyncDispose]() {
      await process.stop(60_000, 'SIGINT'); // Without the lame-duck time of SIGTERM.
    },
  };
}

export interface RunningSimulator extends AsyncDisposable {
  readonly url: string;
  configure(patch: unknown): Promise<void>;
  /** When requests of the class arrived (milliseconds of the simulator's own clock) and how they ended there. */
  arrivals(name: string): Promise<readonly (readonly [at: number, outcome: string])[]>;
  /** How often it acted on the requests with this id, and the SHA-256 of the body of the last one, hexadecimal. */
  actedOn(id: string): Promise<{ readonly times: number; readonly sha256: string | null }>;
  seen(): Promise<{
    readonly actedTwice: {
      readonly count: number;
      readonly ids: readonly { readonly id: string; readonly method: string; readonly acted: number }[];
    };
    readonly total: Readonly<Record<string, number>>;
    /** `workedMs` up to `atMs` of the clock that arrivals are told by. */
    readonly jobs: { readonly workedMs: number; readonly atMs: number };
  }>;
}

/** `weir simulate` on a free port. */
export async function startSimulatorProcess(
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<RunningSimulator> {
  const process = startProcess(['simulate', '--port', '0', ...args], options);
  const url = /http:\S+/.exec(await process.waitForLine(/^Coreapp simulator: /, startMaxMs))?.[0] ?? '';
  // On a port of its own, which no fault befalls.
  const controlUrl = /http:\S+/.exec(await process.waitForLine(/^Control endpoint: /, startMaxMs))?.[0] ?? '';
  const control = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(controlUrl + path, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url,
    configure: async (patch) => {
      await control('settings', { method: 'PATCH', body: JSON.stringify(patch) });
    },
    arrivals: (name) => control(`arrivals?class=${name}`),
    async actedOn(id) {
      const response = await fetch(`${controlUrl}seen/${encodeURIComponent(id)}`);
      const { counts, last } = (await response.json()) as {
        counts?: { acted: number };
        last?: { bodySha256: string | null } | null;
      };
      return { times: counts?.acted ?? 0, sha256: last?.bodySha256 ?? null };
    },
    seen: () => control('seen'),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Logs in and returns the token. @param name the admin's, or that of a user who has the admin's password */
export async function login(url: string, name = 'admin'): Promise<string> {
  return (await loginAnswer(url, name)).token;
}

interface LoginAnswer {
  readonly token: string;
  /** When the token ends, by the clock of the replica: a date. */
  readonly expires_after: string;
}

export async function loginAnswer(url: string, name = 'admin'): Promise<LoginAnswer> {
  const response = await fetch(`${url}/v1/users/login`, {
    method: 'POST',
    headers: { authorization: basic(name, adminPassword) },
  });
  const body = (await response.json()) as { users?: [LoginAnswer] };
  const answer = body.users?.[0];
  if (answer === undefined) throw new Error(`login: ${response.status} ${JSON.stringify(body)}`);
  return answer;
}

interface Offer {
  readonly urls: readonly string[];
  readonly token: string;
  readonly ratePerS: number;
  readonly count: number;
  /** What the messages' ids begin with, before their number. Default: `m`. */
  readonly ids?: string;
}

const message = JSON.stringify({ to: '16315551000', type: 'text', text: { body: 'hello' } });

/** Sends a message with an id of its own. Returns the status of the answer, when all of it has come. */
export async function postMessage(pool: Pool, token: string, id: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-request-id': id };
  const response = await pool.request({ method: 'POST', path: '/v1/messages', headers, body: message });
  await response.body.dump();
  return response.statusCode;
}

export interface Answered {
  readonly status: number;
  /** Milliseconds from the offer's beginning. */
  readonly at: number;
  readonly ms: number;
}

/** Sends messages at a steady pace, taking turns over the replicas, and waits for every answer. */
export async function offerMessages({ urls, token, ratePerS, count, ids = 'm' }: Offer): Promise<readonly Answered[]> {
  const pools = urls.map((url) => new Pool(url, { connections: null, headersTimeout: 0 }));
  const began = performance.now();
  const one = async (number: number): Promise<Answered> => {
    const at = performance.now();
    const status = await postMessage(pools[number % pools.length] as Pool, token, `${ids}${number}`);
    return { status, at: at - began, ms: performance.now() - at };
  };
  const answers: Promise<Answered>[] = [];
  while (answers.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - began) * ratePerS) / 1_000) + 1);
    while (answers.length < due) answers.push(one(answers.length));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  try {
    return await Promise.all(answers);
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
  }
}

/** How often each status was answered. */
export function byStatus(answers: readonly Answered[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
