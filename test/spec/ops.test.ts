import { readFileSync } from 'node:fs';
import { Agent, createServer, get, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { PrometheusMeter } from '../../src/adapters/prometheus/meter.ts';
import type { Snapshot } from '../../src/observe/snapshot.ts';
import type { OpsSources } from '../../src/ops/ports.ts';
import { type Ops, startOps } from '../../src/ops/server.ts';
import { figuresText, webappFamilies } from '../../src/profiles/coreapp/figures.ts';
import { endpointClasses, ownClasses } from '../support/classes.ts';
import { operatorWith } from '../support/operator.ts';
import { busy } from '../support/snapshots.ts';
import { within } from '../support/until.ts';

const open: Ops[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((ops) => ops.close()));
});

const form = { families: webappFamilies, json: figuresText };

const meter = () =>
  new PrometheusMeter({ version: '1.2.3', classes: endpointClasses, ownClasses, form, snapshot: () => busy });

async function ops(sources: Partial<OpsSources> = {}): Promise<Ops> {
  const scraped = meter();
  const started = await startOps(
    { host: '127.0.0.1', port: 0 },
    {
      ready: () => ({ ready: true, why: null }),
      snapshot: () => busy,
      metrics: (accept) => scraped.scrape(accept),
      ...sources,
    },
    operatorWith(),
  );
  open.push(started);
  return started;
}

const ask = ({ port }: Ops, path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

const nothing = 'Nothing is here. There are /, /livez, /readyz, /metrics, /status, /runbook, /openapi.json.\n';

describe('the ops port', () => {
  it.each([
    ['GET', '/livez', 200, 'ok\n'],
    ['HEAD', '/livez', 200, ''],
    ['GET', '/livez?verbose', 200, 'ok\n'],
    ['GET', '/readyz', 200, 'ok\n'],
    ['GET', '/none', 404, nothing],
    ['GET', '/constructor', 404, nothing],
    ['POST', '/nowhere', 404, nothing],
    ['POST', '/livez', 405, 'Only GET and HEAD are answered here.\n'],
    ['DELETE', '/metrics', 405, 'Only GET and HEAD are answered here.\n'],
  ])('answers %s %s with %i', async (method, path, status, body) => {
    const response = await ask(await ops(), path, { method });
    expect([response.status, await response.text()]).toEqual([status, body]);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD' : null);
  });

  it('says what to do when an alert fires', async () => {
    const response = await ask(await ops(), '/runbook');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await response.text()).toMatch(/<h2 id="weirdown">WeirDown<\/h2>\n<p>/);
  });

  it('is not ready for a reason, and says it; alive it is all the same', async () => {
    const server = await ops({ ready: () => ({ ready: false, why: 'stopping' }) });
    const ready = await ask(server, '/readyz');
    expect([ready.status, await ready.text()]).toEqual([503, 'not ready: stopping\n']);
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('shows what the replica holds at /status', async () => {
    const server = await ops({ ready: () => ({ ready: false, why: 'starting' }) });
    const response = await ask(server, '/status');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ ...busy, ready: false, why: 'starting' });
  });

  it('has the length of what HEAD leaves out', async () => {
    const server = await ops();
    const response = await ask(server, '/status', { method: 'HEAD' });
    expect(Number(response.headers.get('content-length'))).toBe((await (await ask(server, '/status')).text()).length);
  });

  it('goes on after a scrape that failed', async () => {
    const server = await ops({ metrics: () => Promise.reject(new Error('no figures')) });
    const failed = await ask(server, '/metrics');
    expect([failed.status, await failed.text()]).toEqual([500, 'failed: no figures\n']);
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  it('goes on after a status that failed', async () => {
    const broken = (): Snapshot => {
      throw new Error('no snapshot');
    };
    const server = await ops({ snapshot: broken });
    expect((await ask(server, '/status')).status).toBe(500);
    expect((await ask(server, '/readyz')).status).toBe(200);
  });

  it('refuses a head of more than 8 KiB', async () => {
    const response = await ask(await ops(), '/livez', { headers: { 'x-long': 'x'.repeat(9_000) } });
    expect(response.status).toBe(431);
  });

  it('cuts off a body that nobody asked for', async () => {
    const { port } = await ops();
    const post = request({ host: '127.0.0.1', port, path: '/livez', method: 'POST' });
    post.on('error', () => {});
    post.write('x'); // And never ends.
    const response = await new Promise<import('node:http').IncomingMessage>((resolve) => post.on('response', resolve));
    expect([response.statusCode, response.headers.connection]).toEqual([405, 'close']);
    response.resume();
    post.destroy();
  });
});

describe('a scrape', () => {
  it('sees what was recorded, over HTTP, in both formats', async () => {
    const recorded = meter();
    recorded.answered('messages', 'POST', 201, 40);
    recorded.answered('messages', 'POST', 503, 30_000);
    recorded.held('messages', 'sent', 30);
    recorded.coreappAnswered('messages', 429, 2);
    recorded.coreappAnswered('messages', 201, 8);
    recorded.replayed('messages', 'throttled');
    recorded.refused('holdTimeOver');
    recorded.cut('messages', 'callerSlow');
    recorded.reserved('messages', 'memory', 3);
    const server = await ops({ metrics: (accept) => recorded.scrape(accept) });
    const counted = [
      'weir_requests_total{class="messages",method="POST",status="201"} 1',
      'weir_requests_total{class="messages",method="POST",status="503"} 1',
      'weir_request_duration_seconds_bucket{class="messages",le="0.05"} 1',
      'weir_request_duration_seconds_bucket{class="messages",le="30.0"} 2',
      'weir_request_duration_seconds_sum{class="messages"} 30.04',
      'weir_hold_seconds_count{class="messages",outcome="sent"} 1',
      'weir_coreapp_answers_total{class="messages",status="429"} 1',
      'weir_replays_total{class="messages",reason="throttled"} 1',
      'weir_answers_cut_total{class="messages",cause="callerSlow"} 1',
      'weir_refusals_total{refusal="holdTimeOver",blame="weir"} 1',
      'weir_refusals_total{refusal="lineFull",blame="weir"} 0',
      'weir_slots_total{class="messages",source="memory"} 3',
      'weir_line_requests{class="messages"} 3',
      'weir_store_up 1',
    ];
    const plain = await ask(server, '/metrics');
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect((await plain.text()).split('\n')).toEqual(
      expect.arrayContaining(['# TYPE weir_requests_total counter', '# TYPE nodejs_version_info gauge', ...counted]),
    );
    const openMetrics = await ask(server, '/metrics', { headers: { accept: 'application/openmetrics-text' } });
    expect(openMetrics.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect((await openMetrics.text()).split('\n')).toEqual(
      expect.arrayContaining(['# TYPE weir_requests counter', ...counted, '# EOF']),
    );
  });

  it('has the metrics that docs/reference/metrics.md explains, no more and no fewer, with their types and labels', async () => {
    const everything = meter();
    everything.answered('messages', 'POST', 201, 1);
    everything.cut('messages', 'callerSlow');
    everything.held('messages', 'sent', 1);
    everything.coreappAnswered('messages', 201, 1);
    everything.reserved('messages', 'memory', 1);
    everything.settled('messages~1:digest', 100, 30);
    everything.storeCalled('reserve', 'ok', 1);
    everything.monitored(1);
    const body = String((await everything.scrape(undefined)).body);
    const scraped = [...body.matchAll(/^# TYPE (weir_\w+) (\w+)$/gm)].map(([, name, type]) => {
      const labels = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? `, 'm').exec(body)?.[1] ?? '';
      return [name, type, [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).join(', ')].join(' | ');
    });
    const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `(weir_\w+)` \| (\w+) \| ?([\w, ]*?) ?\|/gm)].map(([, ...row]) =>
      row.join(' | '),
    );
    expect(documented).toEqual(scraped);
  });
});

describe('closing', () => {
  it('ends idle connections and frees the port', async () => {
    const server = await ops();
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      get({ host: '127.0.0.1', port: server.port, path: '/livez', agent }, (response) => {
        text(response).then(() => resolve(), reject);
      });
    });
    await within(server.close(), { what: 'the ops port to close' });
    const again = createServer().listen(server.port, '127.0.0.1');
    await new Promise((resolve) => again.once('listening', resolve));
    again.close();
    agent.destroy();
  });

  it('ends connections that have said nothing', async () => {
    const server = await ops();
    const silent = connect(server.port, '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    const ended = new Promise((resolve) => silent.once('close', resolve));
    await within(server.close(), { what: 'the ops port to close' });
    await within(ended, { what: 'the connection to end' });
  });

  it('finishes the answer that is on its way', async () => {
    const { promise: figures, resolve: arrive } = Promise.withResolvers<{ contentType: string; body: string }>();
    const { promise: asked, resolve: askedFor } = Promise.withResolvers<void>();
    const server = await ops({
      metrics: () => {
        askedFor();
        return figures;
      },
    });
    const response = ask(server, '/metrics');
    await asked;
    const closed = server.close();
    arrive({ contentType: 'text/plain', body: 'late\n' });
    expect(await (await response).text()).toBe('late\n');
    await within(closed, { what: 'the ops port to close' });
  });
});
