/** Weir as a scrape target: a real Prometheus scrapes two replicas under load; rules and dashboard run on what it got. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import {
  byStatus,
  login,
  offerMessages,
  type RunningSimulator,
  type RunningWeir,
  startSimulatorProcess,
  startWeir,
} from '../support/weir.ts';
import { Prometheus, said } from './support/prometheus.ts';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const rulesFile = inRepository('helm/files/rules.yaml');
const openMetrics = 'application/openmetrics-text;version=1.0.0';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const { panels } = JSON.parse(readFileSync(inRepository('helm/files/dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
};
/** As Grafana fills its variables in. */
const expressions = panels.flatMap(({ title, targets = [] }) =>
  targets.map(
    ({ expr }) =>
      [title, expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'weir').replaceAll('$class', '.*')] as const,
  ),
);

const noPrometheus = inject('lacking').prometheus !== null;

describe.skipIf(noPrometheus)('The rules', () => {
  it('are read by promtool', async () => {
    expect(await said('promtool', ['check', 'rules', rulesFile])).toMatch(/SUCCESS: \d+ rules found/);
  });

  it('record and alert as promised', async () => {
    const cases = inRepository('test/deploy/rules/alerts.test.yaml');
    expect(await said('promtool', ['test', 'rules', cases])).toContain('SUCCESS');
  });
});

describe.skipIf(noPrometheus)('Two replicas under load', () => {
  let redis: TestRedis;
  let simulator: RunningSimulator;
  let replicas: RunningWeir[];
  let prometheus: Prometheus;

  beforeAll(async () => {
    redis = await startRedis();
    simulator = await startSimulatorProcess();
    const env = { COREAPP_URL: simulator.url, REDIS_URL: redis.url };
    replicas = [await startWeir(env), await startWeir(env)];
    const addresses = replicas.map(({ opsUrl }) => new URL(opsUrl).host);
    prometheus = await Prometheus.start([{ job: 'weir', addresses, path: '/metrics' }], [rulesFile]);
    await traffic();
  });

  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    for (const replica of replicas ?? []) await replica[Symbol.asyncDispose]();
    await simulator?.[Symbol.asyncDispose]();
    await redis?.stop();
  });

  /** Messages beyond the limit, a Coreapp that is overloaded for a moment, monitoring with a token, a stranger. */
  async function traffic(): Promise<void> {
    const urls = replicas.map(({ url }) => url);
    const token = await login(urls[0] as string);
    const offered = offerMessages({ urls, token, ratePerS: 100, count: 500 });
    await until(async () => (await simulator.arrivals('messages')).length > 100, { what: 'messages at the Coreapp' });
    await simulator.configure({ overloaded: true });
    await until(async () => (await simulator.seen()).total['overloaded503'] ?? 0, { what: 'a refusal' });
    await simulator.configure({ overloaded: false });
    for (const url of urls) {
      await ask('GET', `${url}/v1/health`, { fields: { authorization: `Bearer ${token}` } });
      await ask('GET', `${url}/v1/health`, { fields: { authorization: 'Bearer nobody' } });
    }
    expect(byStatus(await offered)).toEqual({ 201: 500 });
  }

  it('are seen within ten seconds of Prometheus’s start, and say which Weir they are', async () => {
    const seen = () => prometheus.query('weir_build_info');
    await until(async () => (await seen()).length === 2, { what: 'both replicas' });
    for (const { metric } of await seen()) expect(metric).toMatchObject({ job: 'weir', version: '0.1.0' });
    const sent = async () => (await prometheus.query('sum(weir_requests_total{class="messages",status="201"})'))[0];
    await until(async () => (await sent())?.value[1] === '500', { what: 'the last scrape after the load' });
  });

  it.each(expressions)('show on the dashboard: %s', async (_, expr) => {
    // A refusal's series is there with 0; what is away or refused is not, on a good day.
    const quiet = /weir_refusals_total.* > 0|weir_replays_total.* > 0/.test(expr);
    const result = await until(
      async () => {
        const series = await prometheus.query(expr);
        return (quiet || series.length > 0) && series;
      },
      { what: `an answer to ${expr}` },
    );
    // A class that nobody asked for lately has no quantiles.
    if (result.length > 0) expect(result.map(({ value }) => Number(value[1])).some(Number.isFinite)).toBe(true);
  });

  it('are told of by every rule that has something to tell', async () => {
    const { groups } = (await prometheus.get('rules')) as {
      groups: readonly { rules: readonly { name: string; type: string; health: string; state?: string }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    await until(async () => (await prometheus.query('class:weir_slots:ratio_rate5m')).length > 0, {
      what: 'the recording rules',
    });
    expect(rules.filter(({ health }) => health === 'err')).toEqual([]);
    expect(rules.filter(({ type, state }) => type === 'alerting' && state === 'firing')).toEqual([]);
    const lines = await prometheus.query('class:weir_line_requests:ratio{class="messages"}');
    expect(lines).toHaveLength(1);
  });

  it('tell when the token of monitoring expires: in seven days', async () => {
    const [left] = await prometheus.query('min(weir_monitoring_token_expiry_timestamp_seconds) - time()');
    expect(Number(left?.value[1])).toBeGreaterThan(6.9 * 86_400);
    expect(Number(left?.value[1])).toBeLessThan(7 * 86_400);
  });

  it('speak a text that promtool has nothing to say against', async () => {
    const { text } = await ask('GET', `${replicas[0]?.opsUrl}/metrics`);
    expect(await said('promtool', ['check', 'metrics'], text)).toBe('');
  });

  it('speak OpenMetrics as its strict reader wants it', async () => {
    const { text } = await ask('GET', `${replicas[0]?.opsUrl}/metrics`, { fields: { accept: openMetrics } });
    const reader =
      'import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read; ' +
      'print(len(list(read(sys.stdin.read()))))';
    expect(Number(await said('/usr/bin/python3', ['-c', reader], text))).toBeGreaterThan(30);
  });
});
