/** The peers that are programs of their own, as they are installed here, with configurations of ours beside this file. */
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { temporaryFolder } from '../../test/support/files.ts';
import { freePort } from '../../test/support/ports.ts';
import { startRedis } from '../../test/support/redis.ts';
import { until } from '../../test/support/until.ts';
import { messageOf, startChild, startProgram } from '../child.ts';
import type { Contestant } from '../contestants.ts';

export const peerNames = ['nginx', 'nginx-lua', 'haproxy', 'fastify'] as const;
type PeerName = (typeof peerNames)[number];
type ProgramName = Exclude<PeerName, 'fastify'>;

const lua = '/usr/lib/nginx/modules/ngx_http_lua_module.so';

/** Each peer's program, its arguments before the configuration's file, and what else has to be there. */
const peers: Readonly<Record<ProgramName, { program: string; file: string; args: readonly string[]; also?: string }>> =
  {
    nginx: { program: 'nginx', file: 'nginx.conf', args: ['-c'] },
    'nginx-lua': { program: 'nginx', file: 'nginx-lua.conf', args: ['-c'], also: lua },
    haproxy: { program: 'haproxy', file: 'haproxy.cfg', args: ['-db', '-f'] },
  };

export function isPeer(name: string): name is PeerName {
  return peerNames.some((known) => known === name);
}

/** What is not installed for a peer; null: nothing is missing. */
export function missingFor(name: PeerName): string | null {
  if (name === 'fastify') {
    const there = isThere(fileURLToPath(new URL('fastify/node_modules', import.meta.url)), constants.R_OK);
    return there ? null : 'what `npm install --prefix bench/peers/fastify` brings';
  }
  const { program, also } = peers[name];
  if (programPath(program) === null) return program;
  return also === undefined || isThere(also, constants.R_OK) ? null : also;
}

/** @param settings what else stands in the configuration, by its name in braces */
export async function startPeer(
  name: PeerName,
  upstream: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Contestant> {
  if (name === 'fastify') return await startFastify(upstream);
  await using opened = new AsyncDisposableStack();
  const folder = temporaryFolder(opened.defer.bind(opened));
  const token = 'x'.repeat(43);
  const store = name === 'nginx-lua' ? await storeFor(token, opened) : {};
  const { program, file, args } = peers[name];
  const port = await freePort();
  const values = { buffering: 'on', tls: '', ...settings, ...store, folder, port, upstream: new URL(upstream).port };
  const template = readFileSync(new URL(file, import.meta.url), 'utf8');
  const text = template.replaceAll(/\{\{(\w+)\}\}/g, (_, key) => String(values[key as keyof typeof values]));
  const config = join(folder, file);
  writeFileSync(config, text);
  const path = programPath(program);
  if (path === null) throw new Error(`${program} is not installed`);
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const child = opened.use(startProgram(path, [...args, config], { name, cwd: folder, stdio: [...stdio] }));
  await until(() => isOpen(port), { what: `${name} to listen` });
  const kept = opened.move();
  return { name, child, port, token, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function startFastify(upstream: string): Promise<Contestant> {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startRedis());
  const child = opened.use(startChild('bench/peers/fastify/proxy.mjs', [upstream, redis.url]));
  const { port } = await messageOf<{ port: number }>(child, 'the port of fastify');
  const kept = opened.move();
  return { name: 'fastify', child, port, token: 'x'.repeat(43), [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** A Redis that knows the token and the script of the bucket. */
async function storeFor(token: string, opened: AsyncDisposableStack): Promise<Readonly<Record<string, string>>> {
  const redis = opened.use(await startRedis());
  const client = new Redis(redis.url);
  try {
    await client.set(`token:${createHash('sha1').update(token).digest('base64')}`, 'user');
    const script = await client.script('LOAD', readFileSync(new URL('bucket.lua', import.meta.url), 'utf8'));
    return { redis: String(redis.port), script: String(script) };
  } finally {
    client.disconnect();
  }
}

function programPath(program: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, program)).find((file) => isThere(file, constants.X_OK)) ?? null;
}

function isThere(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
