/** Traces: spans of requests as a collector decodes them, and what the upstream is told. */
import * as conventions from '@opentelemetry/semantic-conventions';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.ts';
import { config, load } from '../support/config.ts';
import { until } from '../support/until.ts';
import { answer, breakOff, inTurn, say, sayNothing, startUpstream, type Upstream } from '../support/upstream.ts';

const ok = answer(200, {}, 'ok');
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const from = (flags: string, state = ''): string =>
  `traceparent: 00-${traceId}-${parentId}-${flags}\r\n${state === '' ? '' : `tracestate: ${state}\r\n`}`;

let upstream: Upstream;
let collector: Collector;
beforeEach(async () => {
  upstream = await startUpstream(say(ok));
  collector = await startCollector();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await collector[Symbol.asyncDispose]();
  await upstream.stop();
});

/** Weir with the collector; variables are set for the packages, which read the process's own. */
async function startTraced(env: Record<string, string> = {}, yaml = '{}') {
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '20', ...env };
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value);
  return await startTestApp(upstream.url, yaml, all);
}

/** The spans of the trace once all of them have come: those of one request are sent together. */
async function spansOf(id: string): Promise<readonly CollectedSpan[]> {
  const all = (): CollectedSpan[] => collector.spans.filter((span) => span.traceId === id);
  await until(() => all().some(({ kind }) => kind === 'SPAN_KIND_SERVER'), { what: 'spans to come' });
  return all();
}

const only = (spans: readonly CollectedSpan[], kind: string): CollectedSpan[] =>
  spans.filter((span) => span.kind === `SPAN_KIND_${kind}`);

describe('a request whose caller traces it', () => {
  it('is a span below its caller’s, and each attempt one below that', async () => {
    await using app = await startTraced();
    const told = await app.send(
      'POST /v1/messages?access_token=hidden-1&x=1',
      `${from('01', 'vendor=a')}User-Agent: tests\r\nX-Request-Id: r-1\r\n`,
      '{}',
    );
    expect(told.status).toBe(200);
    const spans = await spansOf(traceId);
    const [server, ...others] = only(spans, 'SERVER');
    expect(others).toEqual([]);
    expect(server).toMatchObject({
      parentSpanId: parentId,
      traceState: 'vendor=a',
      name: 'POST messages',
      status: 'STATUS_CODE_UNSET',
      scope: 'weir',
      attributes: {
        'http.request.method': 'POST',
        'url.scheme': 'http',
        'url.path': '/v1/messages',
        'server.address': 'weir',
        'server.port': 80,
        'client.address': '127.0.0.1',
        'network.peer.address': '127.0.0.1',
        'user_agent.original': 'tests',
        'http.response.status_code': 200,
        'weir.request_id': 'r-1',
        'weir.class': 'messages',
        'weir.attempts': 1,
      },
      resource: { 'service.name': 'weir', 'service.version': '0.0.0', 'telemetry.sdk.language': 'nodejs' },
    });
    const [client] = only(spans, 'CLIENT');
    expect(client).toMatchObject({
      parentSpanId: server?.spanId,
      name: 'POST messages',
      attributes: {
        'http.request.method': 'POST',
        'url.full': `${upstream.url}/v1/messages`,
        'server.address': '127.0.0.1',
        'server.port': upstream.port,
        'http.response.status_code': 200,
      },
    });
    expect(client?.attributes).not.toHaveProperty('http.request.resend_count');
    expect(upstream.arrivals[0]?.all('traceparent')).toEqual([`00-${traceId}-${client?.spanId}-01`]);
    expect(upstream.arrivals[0]?.all('tracestate')).toEqual(['vendor=a']);
    expect(app.lines.at(-1)?.traceId).toBe(traceId);
    // Its own time is around that of the attempt.
    expect(server?.startMs).toBeLessThanOrEqual(client?.startMs ?? 0);
    expect(server?.endMs).toBeGreaterThanOrEqual(client?.endMs ?? Number.POSITIVE_INFINITY);
    expect(Math.abs(Date.now() - (server?.endMs ?? 0))).toBeLessThan(60_000);
    const bytes = collector.requests.map((request) => request.bytes).join('');
    expect(bytes).toContain('/v1/messages');
    expect(bytes).not.toContain('hidden-1');
    expect(bytes).not.toContain(app.token);
  });

  it('has a span for each attempt, with what became of it', async () => {
    upstream.play(inTurn(say(answer(429)), breakOff, say(ok)));
    await using app = await startTraced();
    expect((await app.send('GET /v1/contacts', from('01'))).status).toBe(200);
    const spans = await spansOf(traceId);
    const attempts = only(spans, 'CLIENT').sort((a, b) => a.startMs - b.startMs);
    expect(attempts).toMatchObject([
      {
        status: 'STATUS_CODE_ERROR',
        attributes: { 'http.response.status_code': 429, 'error.type': '429', 'weir.replay.reason': 'throttled' },
      },
      {
        status: 'STATUS_CODE_ERROR',
        attributes: { 'error.type': 'broken', 'weir.replay.reason': 'broken', 'http.request.resend_count': 1 },
      },
      { status: 'STATUS_CODE_UNSET', attributes: { 'http.request.resend_count': 2 } },
    ]);
    expect(upstream.arrivals.map((one) => one.field('traceparent')?.split('-')[2])).toEqual(
      attempts.map(({ spanId }) => spanId),
    );
    // Before the last one it rested.
    const [server] = only(spans, 'SERVER');
    const holds = only(spans, 'INTERNAL');
    expect(holds.at(-1)).toMatchObject({
      name: 'hold',
      parentSpanId: server?.spanId,
      attributes: { 'weir.hold.outcome': 'sent', 'weir.class': 'contacts' },
    });
    expect(holds.at(-1)?.events[0]).toMatchObject({ name: 'rest', atMs: holds.at(-1)?.startMs });
  });

  it('has a span of its time in line, with what it waited for', async () => {
    await using app = await startTraced({}, 'limits: {contacts: {rate: 0.5, burst: 1}}');
    await app.send('GET /v1/contacts');
    await app.send('GET /v1/contacts', from('01'));
    const spans = await spansOf(traceId);
    const [hold] = only(spans, 'INTERNAL');
    expect(hold).toMatchObject({ attributes: { 'weir.hold.outcome': 'sent' }, status: 'STATUS_CODE_UNSET' });
    expect(hold?.events.map(({ name }) => name)).toEqual(['slots']);
    const [client] = only(spans, 'CLIENT');
    expect(hold?.endMs).toBeLessThanOrEqual(client?.startMs ?? 0);
  });

  it('is told of as an error where Weir refuses it with a 5xx', async () => {
    upstream.play(say(answer(503)));
    await using app = await startTraced({}, 'limits: {contacts: {holdMaxMs: 100}}');
    const told = await app.send('GET /v1/contacts', from('01'));
    expect(told.status).toBeGreaterThanOrEqual(500);
    const [server] = only(await spansOf(traceId), 'SERVER');
    expect(server).toMatchObject({
      status: 'STATUS_CODE_ERROR',
      attributes: {
        'http.response.status_code': told.status,
        'error.type': 'holdTimeOver',
        'weir.refusal': 'holdTimeOver',
      },
    });
  });

  it('is not told of where its caller did not sample it, and the upstream still has Weir for its parent', async () => {
    await using app = await startTraced();
    const sampled = 'ab'.repeat(16);
    await app.send('GET /v1/contacts', from('00'));
    await app.send('GET /v1/contacts', `traceparent: 00-${sampled}-${parentId}-01\r\n`);
    await spansOf(sampled);
    expect(collector.spans.map((span) => span.traceId)).not.toContain(traceId);
    const [, id, parent, flags] = upstream.arrivals[0]?.field('traceparent')?.split('-') ?? [];
    expect([id, flags]).toEqual([traceId, '00']);
    expect(parent).toMatch(/^[\da-f]{16}$/);
    expect(parent).not.toBe(parentId);
  });
});

describe('the names of what is told', () => {
  /** Those that OpenTelemetry's own list has as stable. */
  const stable = new Set<unknown>(
    Object.entries(conventions).flatMap(([key, name]) => (key.startsWith('ATTR_') ? [name] : [])),
  );
  const isKnown = (name: string): boolean => stable.has(name) || /^weir\.[a-z_.]+$/.test(name);

  it('are those of the semantic conventions, also where a request is replayed, refused, or its caller leaves', async () => {
    upstream.play(inTurn(say(answer(429)), say(ok), sayNothing));
    await using app = await startTraced({}, 'auth: {adminPaths: [/v1/settings]}');
    await app.send('GET /v1/contacts', `${from('01')}User-Agent: tests\r\n`);
    await app.ask('BREW /v1/contacts', `Host: weir\r\n${from('01')}`);
    await using caller = await app.call();
    caller.send(app.request('GET /v1/contacts', from('01')));
    await until(() => upstream.arrivals.length === 3, { what: 'the last one at the upstream' });
    caller.socket.destroy();
    const servers = () => only(collector.spans, 'SERVER').filter((span) => span.traceId === traceId);
    await until(() => servers().length === 3, { what: 'all spans' });
    const names = new Set(collector.spans.flatMap(({ attributes }) => Object.keys(attributes)));
    expect([...names].filter((name) => !isKnown(name))).toEqual([]);
    expect(names).toContain('http.request.resend_count');
    expect(servers().map(({ attributes }) => attributes['http.request.method'])).toContain('_OTHER');
    const gone = servers().find(({ attributes }) => attributes['weir.outcome'] === 'gone');
    expect(gone).toMatchObject({ status: 'STATUS_CODE_ERROR', attributes: { 'error.type': 'callerGone' } });
    expect(gone?.attributes).not.toHaveProperty('http.response.status_code');
  });
});

describe('a trace begins at Weir', () => {
  it.each<[string, string]>([
    ['where the caller has none', ''],
    [
      'where the caller’s is not valid, whose state is dropped',
      `${from('01').replace('00-4', 'ff-4')}tracestate: a=1\r\n`,
    ],
  ])('%s', async (_, fields) => {
    await using app = await startTraced();
    await app.send('GET /v1/contacts', fields);
    const [version, id = '', , flags] = upstream.arrivals[0]?.field('traceparent')?.split('-') ?? [];
    expect([version, flags]).toEqual(['00', '03']);
    expect(upstream.arrivals[0]?.all('tracestate')).toEqual([]);
    const [server] = only(await spansOf(id), 'SERVER');
    expect(server?.parentSpanId).toBe('');
    expect(id).not.toBe(traceId);
    expect(app.lines.at(-1)?.traceId).toBe(id);
  });

  it('and is recorded as OTEL_TRACES_SAMPLER says', async () => {
    const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
    await using app = await startTraced(sampler);
    await app.send('GET /v1/contacts');
    await app.send('GET /v1/contacts', from('01'));
    await spansOf(traceId);
    expect(collector.spans.every((span) => span.traceId === traceId)).toBe(true);
    expect(upstream.arrivals[0]?.field('traceparent')).toMatch(/-02$/);
  });
});

describe('the collector', () => {
  it('is called by the standard variables', async () => {
    await using app = await startTraced({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/here`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret-1,x-more=2',
      OTEL_SERVICE_NAME: 'gateway',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    });
    await app.send('GET /v1/contacts', from('01'));
    const [span] = await spansOf(traceId);
    expect(collector.requests[0]).toMatchObject({
      path: '/here',
      headers: { 'content-type': 'application/x-protobuf', 'x-key': 'secret-1', 'x-more': '2' },
    });
    expect(span?.resource).toMatchObject({ 'service.name': 'gateway', 'deployment.environment.name': 'test' });
    expect(JSON.stringify(app.events)).not.toContain('secret-1');
  });

  it.each([
    [400, /./],
    [503, /answered 429, 502, 503 or 504/],
  ])('that answers %i is a line in the log once in a while, and nothing to callers', async (status, reason) => {
    collector.answers(status);
    await using app = await startTraced();
    for (let i = 0; i < 3; i++) {
      expect((await app.send('GET /v1/contacts', from('01'))).status).toBe(200);
      await until(() => collector.requests.length > i, { what: 'spans to be refused' });
    }
    await until(async () => /weir_spans_total\{outcome="failed"\} (?!0)/.test(await app.metrics()), {
      what: 'refused spans to be counted',
    });
    const told = app.events.filter(({ message }) => message.includes('collector'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ level: 'warn', fields: { reason: expect.stringMatching(reason) } });
  });

  it('that takes nothing keeps no more spans waiting than OTEL_BSP_MAX_QUEUE_SIZE', async () => {
    collector.answers(null);
    await using app = await startTraced({
      OTEL_BSP_MAX_QUEUE_SIZE: '4',
      OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
      OTEL_BSP_EXPORT_TIMEOUT: '3600000',
    });
    // What Weir answers itself is one span, on a machine of any speed: with the login eleven. Four wait, and none gets away.
    for (let i = 0; i < 10; i++) await app.send('GET /v1/users', from('01'));
    await until(async () => (await app.metrics()).includes('weir_spans_total{outcome="dropped"} 7\n'), {
      what: 'seven of eleven spans to be dropped',
    });
    await app.close(0);
    expect(app.events.at(-1)).toMatchObject({
      message: 'spans could not be sent to the collector',
      fields: { reason: expect.stringContaining('4 spans were left when Weir stopped') },
    });
  });

  it('gets all spans of a burst, full batches at once and the rest before Weir stops', async () => {
    const batches = { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100', OTEL_BSP_SCHEDULE_DELAY: '3600000' };
    const app = await startTraced(batches);
    // Some 130 KB of spans: more than a batch has room for at first. With the login 251.
    const long = `User-Agent: ${'x'.repeat(1_000)}\r\n`;
    for (let i = 0; i < 250; i++) await app.send('GET /v1/users', `${from('01')}${long}`);
    await until(() => collector.spans.length >= 200, { what: 'two full batches' });
    expect(collector.spans).toHaveLength(200);
    await app.close(1_000);
    expect(collector.spans).toHaveLength(251);
  });

  it('whose answer does not come within OTEL_BSP_EXPORT_TIMEOUT is not waited for', async () => {
    collector.answers(null);
    await using app = await startTraced({
      OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
      OTEL_BSP_EXPORT_TIMEOUT: '20',
    });
    await until(async () => /weir_spans_total\{outcome="failed"\} [1-9]/.test(await app.metrics()), {
      what: 'the login’s span to be given up',
    });
    expect(app.events.at(-1)).toMatchObject({
      message: 'spans could not be sent to the collector',
      fields: { reason: expect.stringContaining('OTEL_BSP_EXPORT_TIMEOUT') },
    });
  });

  it('gets the last spans before Weir stops', async () => {
    const app = await startTraced({ OTEL_BSP_SCHEDULE_DELAY: '3600000' });
    await app.send('GET /v1/users', from('01'));
    expect(collector.spans).toEqual([]);
    await app.close(1_000);
    expect(collector.spans.map((span) => span.name)).toEqual(['POST users', 'GET users']);
  });
});

describe('without a collector', () => {
  it.each<[string, Record<string, string>]>([
    ['nothing is set', {}],
    ['OpenTelemetry is turned off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }],
    ['no traces are exported', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }],
  ])('a trace travels on as it came, and the log names it: %s', async (_, env) => {
    await using app = await startTestApp(upstream.url, '{}', env);
    await app.send('GET /v1/contacts', from('01', 'b=2, a=1'));
    await app.send('GET /v1/contacts');
    const [first, second] = upstream.arrivals;
    expect(first?.all('traceparent')).toEqual([`00-${traceId}-${parentId}-01`]);
    expect(first?.all('tracestate')).toEqual(['b=2, a=1']);
    expect(second?.all('traceparent')).toEqual([]);
    expect(app.lines.map((line) => line.traceId)).toEqual([traceId, null]);
  });

  it('Weir takes part all the same where http.traceContext says join', async () => {
    await using app = await startTestApp(upstream.url, 'http: {traceContext: join}');
    await app.send('GET /v1/contacts', from('01'));
    await app.send('GET /v1/contacts');
    const [first, second] = upstream.arrivals.map((one) => one.field('traceparent'));
    expect(first).toMatch(new RegExp(`^00-${traceId}-(?!${parentId})[\\da-f]{16}-01$`));
    expect(second).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-03$/);
  });
});

describe('variables that mean nothing', () => {
  const toSomebody = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };

  it.each<[Record<string, string>, string]>([
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, 'the variable OTEL_TRACES_SAMPLER is none of always_on'],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'the variable OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1; 1 is taken'],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: 'many' }, 'the variable OTEL_BSP_MAX_QUEUE_SIZE is no number'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is no URL'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL is not http/protobuf',
    ],
    [{ ...toSomebody, OTEL_TRACES_EXPORTER: 'zipkin' }, 'is neither otlp nor none'],
    [{ ...toSomebody, OTEL_SDK_DISABLED: '1' }, 'OTEL_SDK_DISABLED is neither true nor false; false is taken'],
    [{ ...toSomebody, OTEL_EXPORTER_OTLP_HEADERS: 'a=1,x-key: one' }, 'OTEL_EXPORTER_OTLP_HEADERS has parts'],
    [{ ...toSomebody, OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=100%' }, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS has parts'],
    [{ ...toSomebody, OTEL_RESOURCE_ATTRIBUTES: 'team=a=b' }, 'OTEL_RESOURCE_ATTRIBUTES has parts'],
  ])('are told, and do no harm: %j', (env, note) => {
    const loaded = load('{}', { COREAPP_URL: 'http://127.0.0.1:1', ...env });
    expect(loaded.ok).toBe(true);
    expect(loaded.notes.join('\n')).toContain(note);
    expect(config(loaded).otel).toMatchObject({ sampler: 'parentbased_always_on', ratio: 1 });
  });

  it('to the exporter alone are told one by one', async () => {
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '-1', OTEL_EXPORTER_OTLP_COMPRESSION: 'zip' };
    await using app = await startTraced(env);
    const told = app.events.filter(({ message }) => message === 'a variable of OpenTelemetry is left out');
    expect(told.map(({ fields }) => fields)).toMatchObject([
      { reason: expect.stringContaining('OTEL_EXPORTER_OTLP_TIMEOUT') },
      { reason: expect.stringContaining('OTEL_EXPORTER_OTLP_COMPRESSION') },
    ]);
  });
});

describe('variables in another spelling that means the same', () => {
  it.each<[Record<string, string>, object]>([
    [{ OTEL_TRACES_SAMPLER_ARG: '.5' }, { ratio: 0.5 }],
    [{ OTEL_TRACES_SAMPLER_ARG: '1e-3' }, { ratio: 0.001 }],
    [
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
        OTEL_EXPORTER_OTLP_HEADERS: ' authorization = Basic%20YTpi=, x-key=1;of=a,',
        OTEL_RESOURCE_ATTRIBUTES: 'team=, site = b%2Cc ,',
        OTEL_SDK_DISABLED: 'False',
      },
      { exports: true },
    ],
  ])('are heeded: %j', (env, otel) => {
    const loaded = load('{}', { COREAPP_URL: 'http://127.0.0.1:1', ...env });
    expect(config(loaded).otel).toMatchObject({ ...otel, notes: [] });
  });
});
