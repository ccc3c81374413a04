/** The ops port keeps room for probes, whoever keeps connections open there and whatever is asked for on them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ops, opsConnectionsMax, startOps } from '../../src/ops/server.ts';
import { startTestApp } from '../support/app.ts';
import { operatorWith } from '../support/operator.ts';
import { RawCaller } from '../support/raw.ts';
import { busy } from '../support/snapshots.ts';
import { startUpstream } from '../support/upstream.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: weir\r\n\r\n`;

describe('On the ops port', () => {
  let server: Ops;
  let callers: RawCaller[];
  beforeEach(async () => {
    callers = [];
    const never = new Promise<never>(() => {});
    const sources = { ready: () => ({ ready: true, why: null }), snapshot: () => busy, metrics: () => never };
    server = await startOps({ host: '127.0.0.1', port: 0 }, sources, operatorWith());
  });
  afterEach(async () => {
    for (const caller of callers) await caller[Symbol.asyncDispose]();
    await server.close();
  });

  async function callFrom(localAddress: string): Promise<RawCaller> {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress, noDelay: true });
    await once(socket, 'connect');
    const caller = new RawCaller(socket);
    callers.push(caller);
    return caller;
  }

  it.each<[string, (caller: RawCaller) => unknown]>([
    ['on which nothing is sent', () => {}],
    ['on which a head is sent slowly', (caller) => caller.send('GET /livez HT')],
    ['that were answered', async (caller) => await caller.send(get('/livez')).answer()],
    ['that wait for an answer', (caller) => caller.send(get('/metrics'))],
  ])('more connections than there may be, %s, leave room for probes', async (_, greet) => {
    for (let i = 0; i < 3 * opsConnectionsMax; i++) await greet(await callFrom(`127.0.0.${1 + (i % 3)}`));
    for (const address of ['127.0.0.9', '127.0.0.1']) {
      for (const path of ['/livez', '/readyz']) {
        const caller = await callFrom(address);
        expect(await caller.send(get(path)).answer()).toMatchObject({ status: 200, text: 'ok\n' });
      }
    }
  });
});

describe('Figures', () => {
  it.each([
    ['/v1/metrics', 'callers'],
    ['/v1/metrics?format=prometheus', 'callers'],
    ['/metrics', 'scrapers'],
    ['/status', 'probes'],
  ])('at %s are made once in ops.figuresMaxAgeMs, however many %s ask', async (path) => {
    await using upstream = await startUpstream();
    await using app = await startTestApp(upstream.url, 'ops: {figuresMaxAgeMs: 60000}');
    const texts = new Set<string>();
    for (let i = 0; i < 20; i++) {
      if (path.startsWith('/v1/')) texts.add((await app.send(`GET ${path}`)).text);
      else texts.add(await (await fetch(`http://127.0.0.1:${app.opsPort}${path}`)).text());
      await app.send('GET /v1/contacts');
      upstream.play((_, socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    }
    expect(texts.size).toBe(1);
  });
});
