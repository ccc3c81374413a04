/** A real Weir in this process, on free ports, in front of whatever the test puts there. */
import { type App, startApp } from '../../src/app/app.ts';
import type { Config } from '../../src/config/config.ts';
import type { AuditLine } from '../../src/observe/audit.ts';
import type { Log } from '../../src/observe/ports.ts';
import type { RequestLine } from '../../src/observe/request-line.ts';
import type { Snapshot } from '../../src/observe/snapshot.ts';
import { ask, type Told } from './ask.ts';
import { basic } from './basic.ts';
import { config, type Env, type Files, load } from './config.ts';
import { openCaller, type RawAnswer, type RawCaller } from './raw.ts';
import { type Event, eventLog } from './silent-log.ts';

export interface TestApp extends App, AsyncDisposable {
  /** A token of the admin's; empty where the profile has no logins. */
  readonly token: string;
  /** What was logged: a line a request, and the events. */
  readonly lines: readonly RequestLine[];
  readonly events: readonly Event[];
  /** The audit trail, the admin's own login included. */
  readonly trail: readonly AuditLine[];
  call(): Promise<RawCaller>;
  /** One request on a connection of its own: the request line, field lines that end in CRLF, and a body. */
  ask(line: string, fields?: string, body?: string | Buffer): Promise<RawAnswer>;
  /** The same with the admin's token, a Host, and the length of the body where there is one. */
  send(line: string, fields?: string, body?: string | Buffer): Promise<RawAnswer>;
  /** Makes a user, whose password is the admin's. Returns its token. */
  user(name: string): Promise<string>;
  /** GET on the ops port. */
  ops(path: string): Promise<Told>;
  status(): Promise<Snapshot>;
  metrics(): Promise<string>;
  /** The bytes of what `send` sends. */
  request(line: string, fields?: string, body?: string | Buffer): Buffer;
}

export const adminPassword = 'Weir-2026!';
export const apiKey = 'monitoring-key-1';

/**
 * Figures are of the moment, and a Redis that a busy machine keeps waiting is not away: the limits hold all the same.
 * @param yaml what it says of these counts
 */
export function asTested(settings: Config, yaml: string): Config {
  const { ops, redis } = settings;
  return {
    ...settings,
    ops: yaml.includes('figuresMaxAgeMs') ? ops : { ...ops, figuresMaxAgeMs: 0 },
    redis: yaml.includes('callTimeoutMs') ? redis : { ...redis, callTimeoutMs: 10_000 },
  };
}

/** What every test wants. */
export const testEnv: Env = {
  HOST: '127.0.0.1',
  PORT: '0',
  OPS_PORT: '0',
  WEIR_ADMIN_PASSWORD: adminPassword,
  WA_API_KEY: apiKey,
};

/** @param yaml what differs from the defaults */
export async function startTestApp(
  coreappUrl: string,
  yaml = '{}',
  env: Env = {},
  files: Files = {},
): Promise<TestApp> {
  const upstream = yaml.includes('profile:') ? { UPSTREAM_URL: coreappUrl } : {};
  const settings = config(load(yaml, { ...testEnv, ...upstream, ...env }, files));
  return await startAppOf(asTested(settings, yaml), coreappUrl);
}

/** The same of a whole configuration. */
export async function startAppOf(settings: Config, coreappUrl: string, hash = ''): Promise<TestApp> {
  const lines: RequestLine[] = [];
  const { log: kept, events } = eventLog();
  const trail: AuditLine[] = [];
  const log: Log = { ...kept, request: (line) => void lines.push(line), audit: (line) => void trail.push(line) };
  const app = await startApp({ config: settings, coreappUrl, version: '0.0.0', log, hash });
  const askPlainly: TestApp['ask'] = async (line, fields = '', body = '') => {
    await using caller = await openCaller(app.port);
    caller.send(`${line} HTTP/1.1\r\n${fields}\r\n`).send(body);
    return await caller.answer(line.split(' ')[0]);
  };
  const login = async (name: string): Promise<string> => {
    const told = await askPlainly(
      'POST /v1/users/login',
      `Host: weir\r\nAuthorization: ${basic(name, adminPassword)}\r\n`,
    );
    return told.json.users[0].token;
  };
  const token = settings.profile === 'coreapp' ? await login('admin') : '';
  lines.length = 0;
  const request: TestApp['request'] = (line, fields = '', body = '') => {
    const length = body.length === 0 ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    const head = `${line} HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n${fields}${length}\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]);
  };
  const send: TestApp['send'] = async (line, fields, body) => {
    await using caller = await openCaller(app.port);
    caller.send(request(line, fields, body));
    return await caller.answer(line.split(' ')[0]);
  };
  const ops = (path: string) => ask('GET', `http://127.0.0.1:${app.opsPort}${path}`);
  return {
    ...app,
    token,
    lines,
    events,
    trail,
    call: () => openCaller(app.port),
    ops,
    status: async () => (await ops('/status')).json,
    metrics: async () => (await ops('/metrics')).text,
    ask: askPlainly,
    send,
    async user(name) {
      const made = await send('POST /v1/users', '', JSON.stringify({ username: name, password: adminPassword }));
      if (made.status !== 201) throw new Error(`Creating ${name} was answered ${made.status}.`);
      return await login(name);
    },
    request,
    [Symbol.asyncDispose]: () => app.close(0),
  };
}
