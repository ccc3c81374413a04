/**
 * Reloads under load, and upstreams that change: callers see no error. That those who wait keep their order is in
 * test/property/reload.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/observe/snapshot.ts';
import { type ReloadableApp, startReloadable } from '../support/reloadable.ts';
import { until } from '../support/until.ts';
import { answer, say, sayNothing, startUpstream, type Upstream } from '../support/upstream.ts';

const ok = say(answer(200, {}, 'ok'));
const reloads = 50;
const eachTime = 8;

const waitingIn = ({ lines }: Snapshot): number => lines.reduce((sum, { requests }) => sum + requests, 0);

/** All that were sent have arrived at the upstream, or stand in line. */
async function haveCome(app: ReloadableApp, upstreams: readonly Upstream[], sent: number): Promise<void> {
  const arrived = (): number => upstreams.reduce((sum, { arrivals }) => sum + arrivals.length, 0);
  await until(async () => waitingIn(await app.status()) + arrived() >= sent, {
    what: `${sent} requests to have come`,
  });
}

const limited = (rate: number, burst: number): string => `limits: {default: {rate: ${rate}, burst: ${burst}}}\n`;

describe('requests at the limit', () => {
  it('see nothing of 50 reloads, half of them bad: no error, and nobody is lost', async () => {
    await using upstream = await startUpstream(ok);
    await using app = await startReloadable(upstream.url, limited(100, 10));
    const asked: Promise<{ readonly status: number }>[] = [];
    for (let i = 0; i < reloads; i++) {
      // Each batch stands in line before the next one comes.
      for (let k = 0; k < eachTime; k++) asked.push(app.send('GET /v1/contacts'));
      await haveCome(app, [upstream], asked.length);
      const text = i % 2 === 0 ? limited(100 + 10 * (i % 7), 5 + (i % 5)) : `${limited(50, 5)}limits: {no: yes}\n`;
      expect((await app.change(text)).result).toBe(i % 2 === 0 ? 'applied' : 'refused');
    }
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(upstream.arrivals).toHaveLength(reloads * eachTime);
    expect(statuses).toEqual(Array.from({ length: reloads * eachTime }, () => 200));
    expect(waitingIn(await app.status())).toBe(0);
    expect(app.events.filter(({ level, message }) => level === 'error' && !/is refused/.test(message))).toEqual([]);
  });
});

describe('another upstream', () => {
  const towards = (url: string, more = ''): string => `coreapp: {url: "${url}"${more}}\n${limited(0.5, 1)}`;

  it('gets those that waited; what is in flight ends where it is', async () => {
    await using first = await startUpstream(sayNothing);
    await using second = await startUpstream(ok);
    await using app = await startReloadable(first.url, towards(first.url));
    const inFlight = app.send('GET /v1/contacts');
    await haveCome(app, [first], 1);
    const inLine = app.send('GET /v1/contacts');
    await until(async () => waitingIn(await app.status()) === 1, { what: 'one in line' });
    expect(await app.change(towards(second.url))).toMatchObject({ result: 'applied', changed: ['coreapp.url'] });
    for (const socket of first.sockets) socket.write(answer(200, {}, 'from the first'));
    expect((await inFlight).body.toString()).toBe('from the first');
    expect((await inLine).body.toString()).toBe('ok');
    expect([first.arrivals.length, second.arrivals.length]).toEqual([1, 1]);
    await until(() => first.sockets.size === 0, { what: 'the old connections to be closed' });
  });

  it('is waited for by the timeouts in force', async () => {
    await using upstream = await startUpstream(sayNothing);
    await using app = await startReloadable(upstream.url, towards(upstream.url));
    await app.change(towards(upstream.url, ', answerTimeoutMs: 100, brokenRepeatsMax: 0'));
    expect((await app.send('POST /v1/contacts', '', '{}')).status).toBe(504);
  });

  it('needs a restart where there is none any more: the simulator is there from the start, or never', async () => {
    await using upstream = await startUpstream(ok);
    await using app = await startReloadable(upstream.url, towards(upstream.url));
    expect(await app.change(limited(0.5, 1))).toMatchObject({ result: 'unchanged', restartNeeded: ['coreapp.url'] });
    expect((await app.send('GET /v1/contacts')).status).toBe(200);
  });
});

describe('a class', () => {
  it('that is new, or gone, counts from the next request on; its figures stay', async () => {
    await using upstream = await startUpstream(ok);
    await using app = await startReloadable(upstream.url, limited(50, 50));
    const orders = `${limited(50, 50).slice(0, -2)}, orders: {match: ["GET /v2/orders"], bodyMaxBytes: 4194304, lineMaxBytes: 67108864}}\n`;
    expect(await app.change(orders)).toMatchObject({ result: 'applied' });
    expect((await app.send('GET /v2/orders')).status).toBe(200);
    expect(app.lines.at(-1)?.class).toBe('orders');
    expect((await app.status()).lines.map((one) => one.class)).toContain('orders');
    expect(await app.change(limited(50, 50))).toMatchObject({ result: 'applied' });
    expect((await app.send('GET /v2/orders')).status).toBe(200);
    expect(app.lines.at(-1)?.class).toBe('default');
    expect((await app.status()).lines.map((one) => one.class)).not.toContain('orders');
    const { text } = await app.ops('/metrics');
    expect(text).toContain('weir_requests_total{class="orders",method="GET",status="200"} 1');
  });

  it('that takes larger bodies than memory does keeps them in files, from the reload on', async () => {
    await using upstream = await startUpstream(ok);
    const small = 'limits: {default: {bodyMaxBytes: 65536}, media: {bodyMaxBytes: 65536}}\n';
    await using app = await startReloadable(upstream.url, small, {}, {});
    const body = Buffer.alloc(200_000, 'x');
    expect((await app.send('POST /v1/contacts', '', body)).status).toBe(413);
    await app.change('limits: {default: {bodyMaxBytes: 1048576}}\n');
    expect((await app.send('POST /v1/contacts', '', body)).status).toBe(200);
    expect(upstream.arrivals.at(-1)?.body.equals(body)).toBe(true);
  });
});
