/** The proxies that are measured, started in front of an upstream and ready to be asked. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { basic } from '../test/support/basic.ts';
import { temporaryFolder } from '../test/support/files.ts';
import { startRedis } from '../test/support/redis.ts';
import { within } from '../test/support/until.ts';
import { type Child, messageOf, startChild } from './child.ts';
import { isPeer, peerNames, startPeer } from './peers/peer.ts';

export const contestantNames = [
  ...(['bare-undici', 'weir', 'weir-redis', 'raw-net'] as const),
  ...peerNames,
  ...(['bare-undici-streaming', 'http-proxy', 'http-proxy-3'] as const),
] as const;
/** `weir-before`: the Weir of another checkout. */
export type ContestantName = (typeof contestantNames)[number] | 'weir-before';

export interface Contestant extends AsyncDisposable {
  readonly name: ContestantName;
  readonly child: Child;
  readonly port: number;
  /** What its callers have to show: a token of its own login, or anything of that length. */
  readonly token: string;
}

export interface Weir extends Contestant {
  readonly opsPort: number;
  /** Its configuration. */
  readonly file: string;
}

export async function startContestant(
  name: ContestantName,
  upstream: string,
  nodeArgs: readonly string[] = [],
  before?: string,
): Promise<Contestant> {
  switch (name) {
    case 'weir':
      return await startWeir(upstream, nodeArgs);
    case 'weir-redis': {
      await using opened = new AsyncDisposableStack();
      const redis = opened.use(await startRedis());
      const weir = opened.use(await startWeir(upstream, nodeArgs, `redis: { url: "${redis.url}" }\n`));
      const kept = opened.move();
      return { ...weir, name, [Symbol.asyncDispose]: () => kept.disposeAsync() };
    }
    case 'weir-before': {
      const weir = await startWeir(upstream, nodeArgs, '', undefined, before);
      return { ...weir, name };
    }
    default:
      return isPeer(name) ? await startPeer(name, upstream) : await startProxy(name, upstream, nodeArgs);
  }
}

async function startProxy(
  name: 'bare-undici' | 'bare-undici-streaming' | 'raw-net' | 'http-proxy' | 'http-proxy-3',
  upstream: string,
  nodeArgs: readonly string[],
): Promise<Contestant> {
  const [script, args] =
    name === 'bare-undici-streaming' ? ['bare-undici', [upstream, 'streaming']] : [name, [upstream]];
  // http-proxy 1.18 still calls what Node has deprecated since.
  const child = startChild(`bench/proxies/${script}.ts`, args, { nodeArgs: ['--no-deprecation', ...nodeArgs] });
  const { port } = await messageOf<{ port: number }>(child, `the port of ${name}`);
  return { name, child, port, token: 'x'.repeat(43), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

const adminPassword = 'Bench-2026!';

/** As in production, but for the ports and for the limits, which are out of the way as a rule. */
const weirConfig = (limits: string, tls: KeyFiles | null) => `
listen: { host: 127.0.0.1, port: 0, tls: ${JSON.stringify(tls)} }
ops: { host: 127.0.0.1, port: 0 }
limits:
  messages: ${limits}
log: { level: info }
stop: { lameDuckMs: 0, graceMs: 1000 }
`;

interface KeyFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Its access log goes to the null device: writing it counts, storing it doesn't.
 * @param settings more YAML
 * @param limits those of messages
 * @param checkout where its sources are; not there: here
 * @param tls what it serves with; null: plain HTTP
 * @param env more variables
 */
export async function startWeir(
  upstream: string,
  nodeArgs: readonly string[] = [],
  settings = '',
  limits = '{ rate: 1000000, burst: 1000000 }',
  checkout?: string,
  tls: KeyFiles | null = null,
  env: Readonly<Record<string, string>> = {},
): Promise<Weir> {
  await using opened = new AsyncDisposableStack();
  const folder = temporaryFolder(opened.defer.bind(opened));
  const file = join(folder, 'weir.yaml');
  writeFileSync(file, weirConfig(limits, tls) + settings);
  const child = opened.use(
    startChild('src/main.ts', ['serve', '--config', file], {
      nodeArgs,
      env: { COREAPP_URL: upstream, WEIR_ADMIN_PASSWORD: adminPassword, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(checkout === undefined ? {} : { checkout }),
    }),
  );
  const { port, opsPort } = await portsSaid(child);
  const token = await logIn(port, tls !== null);
  const kept = opened.move();
  return { name: 'weir', child, port, opsPort, token, file, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Reads the ports from what Weir says at its start. If it never names them, what it did say is shown. */
async function portsSaid(child: Child): Promise<Pick<Weir, 'port' | 'opsPort'>> {
  const said: string[] = [];
  const lines = createInterface({ input: child.process.stderr as Readable });
  const ports = new Promise<Pick<Weir, 'port' | 'opsPort'>>((resolve, reject) => {
    let port = 0;
    lines.on('line', (line) => {
      said.push(line);
      const [, what, number] = /^(Weir serves on| {2}for operators) .*?:(\d+)(?: |$)/.exec(line) ?? [];
      if (what === 'Weir serves on') port = Number(number);
      else if (what !== undefined) resolve({ port, opsPort: Number(number) });
    });
    child.process.once('exit', () => reject(new Error(`Weir ended. It said:\n${said.join('\n')}`)));
  });
  return await within(ports, { what: 'Weir to serve', deadlineMs: 15_000 });
}

async function logIn(port: number, secure: boolean): Promise<string> {
  const { request } = secure ? https : http;
  const sent = request({
    ...{ host: '127.0.0.1', port, method: 'POST', path: '/v1/users/login', rejectUnauthorized: false },
    headers: { authorization: basic('admin', adminPassword) },
  });
  const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
  const answer = (await json(response)) as { readonly users?: readonly { readonly token: string }[] };
  const token = answer.users?.[0]?.token;
  if (token === undefined) throw new Error(`the login failed with status ${response.statusCode}`);
  return token;
}
