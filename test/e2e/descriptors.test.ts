/** A process that may open few files: it says so at its start, and goes on answering probes and callers. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { RawCaller } from '../support/raw.ts';
import { startUpstream } from '../support/upstream.ts';
import { login, type RunningWeir, startWeir } from '../support/weir.ts';

const callers: RawCaller[] = [];
afterEach(async () => {
  for (const caller of callers.splice(0)) await caller[Symbol.asyncDispose]();
});

async function callFrom(localAddress: string, port: number): Promise<RawCaller> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  const caller = new RawCaller(socket);
  callers.push(caller);
  return caller;
}

const unknown = 'GET /v1/contacts HTTP/1.1\r\nHost: weir\r\n\r\n';

async function probe({ opsUrl }: RunningWeir, path: string): Promise<number> {
  const { status } = await fetch(opsUrl + path, { headers: { connection: 'close' } });
  return status;
}

it('with 60 files and 120 connections, probes and a caller of another address are answered', async () => {
  await using upstream = await startUpstream();
  await using weir = await startWeir({ COREAPP_URL: upstream.url }, { openFilesMax: 60 });
  const warning = await weir.process.waitForLine(/open files/);
  const { level, needed, limit, connections } = JSON.parse(warning);
  expect([level, limit]).toEqual(['warn', 60]);
  expect(needed).toBeGreaterThan(10_000);
  expect(connections).toBeGreaterThan(0);
  const port = Number(new URL(weir.url).port);
  const token = await login(weir.url);

  for (let i = 0; i < 120; i++) {
    const caller = await callFrom(`127.0.0.${1 + (i % 4)}`, port);
    if (i % 2 === 0) caller.send(unknown);
    if (i % 10 === 0) expect(await probe(weir, '/livez')).toBe(200);
  }
  expect([await probe(weir, '/livez'), await probe(weir, '/readyz'), await probe(weir, '/metrics')]).toEqual([
    200, 200, 200,
  ]);
  const known = await callFrom('127.0.0.9', port);
  for (let i = 0; i < 3; i++) {
    known.send(`GET /v1/contacts HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    expect((await known.answer()).status).toBe(200);
  }
});

it('with files enough nothing is said of them', async () => {
  await using upstream = await startUpstream();
  await using weir = await startWeir({ COREAPP_URL: upstream.url }, { openFilesMax: 20_000 });
  await probe(weir, '/livez');
  expect(weir.process.stdout.filter((line) => line.includes('open files'))).toEqual([]);
});
