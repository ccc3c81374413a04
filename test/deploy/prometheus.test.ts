/** Weir as a scrape target: a real Prometheus scrapes two replicas under load; rules and dashboard run on what it got. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { temporaryFolder } from '../support/files.ts';
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
import { type Answer, drawn, type Panel } from './support/picture.ts';
import { Prometheus, said } from './support/prometheus.ts';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const rulesFile = inRepository('helm/files/rules.yaml');
const openMetrics = 'application/openmetrics-text;version=1.0.0';

const { panels, templating } = JSON.parse(readFileSync(inRepository('helm/files/dashboard.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
};
const targets = panels.flatMap((panel) =>
  (panel.targets ?? []).map((target) => [panel.title, target.expr, panel, target] as const),
);

/** As Grafana fills its variables in: what is not chosen is all. */
const filled = (expr: string, chosen: Readonly<Record<string, string>> = {}): string =>
  expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll(/\$(namespace|job|instance|class)\b/g, (_, name: string) => chosen[name] ?? '.*');

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
  const folder = temporaryFolder(afterAll);
  let simulator: RunningSimulator;
  let replicas: RunningWeir[];
  let prometheus: Prometheus;
  /** When the first scrape may have been, by Prometheus's clock, in seconds. */
  let fromS = 0;
  const now = async (): Promise<number> => Number((await prometheus.query('vector(time())'))[0]?.value[0] ?? 0);

  beforeAll(async () => {
    redis = await startRedis();
    simulator = await startSimulatorProcess();
    const file = join(folder, 'weir.yaml');
    // A narrow limit that nobody meets, so that there are lanes.
    await writeFile(file, 'limits: {messages: {also: [{scope: body:/to, rate: 1000, burst: 1000}]}}\n');
    const env = { COREAPP_URL: simulator.url, REDIS_URL: redis.url, WEIR_CONFIG: file };
    replicas = [await startWeir(env), await startWeir(env)];
    const addresses = replicas.map(({ opsUrl }) => new URL(opsUrl).host);
    const labels = { namespace: 'messaging' };
    prometheus = await Prometheus.start([{ job: 'weir', addresses, path: '/metrics', labels }], [rulesFile]);
    fromS = await now();
    await traffic();
  });

  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    for (const replica of replicas ?? []) await replica[Symbol.asyncDispose]();
    await simulator?.[Symbol.asyncDispose]();
    await redis?.stop();
  });

  /**
   * Twice, since a rate is between two scrapes: messages beyond the limit, a Coreapp that is overloaded for a moment,
   * monitoring with a token, a stranger. The second time begins when Prometheus has seen the first.
   */
  async function traffic(): Promise<void> {
    const token = await login(replicas[0]?.url as string);
    await busyMoment(token);
    for (const counter of ['weir_replays_total', 'weir_refusals_total']) {
      const seen = async () => Number((await prometheus.query(`sum(${counter})`))[0]?.value[1] ?? 0) > 0;
      await until(seen, { what: `${counter} in Prometheus` });
    }
    await busyMoment(token);
  }

  async function busyMoment(token: string): Promise<void> {
    const urls = replicas.map(({ url }) => url);
    const count = async (): Promise<number> => (await simulator.seen()).total['overloaded503'] ?? 0;
    const before = { arrivals: (await simulator.arrivals('messages')).length, refused: await count() };
    const offered = offerMessages({ urls, token, ratePerS: 200, count: 400 });
    await until(async () => (await simulator.arrivals('messages')).length > before.arrivals + 50, {
      what: 'messages at the Coreapp',
    });
    await simulator.configure({ overloaded: true });
    await until(async () => (await count()) > before.refused, { what: 'a refusal' });
    const inLine = () => prometheus.query('sum(weir_line_requests{class="messages"})');
    await until(async () => Number((await inLine())[0]?.value[1] ?? 0) > 10, {
      what: 'a line that Prometheus has seen',
    });
    await simulator.configure({ overloaded: false });
    for (const url of urls) {
      await ask('GET', `${url}/v1/health`, { fields: { authorization: `Bearer ${token}` } });
      await ask('GET', `${url}/v1/health`, { fields: { authorization: 'Bearer nobody' } });
    }
    expect(byStatus(await offered)).toEqual({ 201: 400 });
  }

  it('are seen within ten seconds of Prometheus’s start, and say which Weir they are', async () => {
    const seen = () => prometheus.query('weir_build_info');
    await until(async () => (await seen()).length === 2, { what: 'both replicas' });
    for (const { metric } of await seen()) expect(metric).toMatchObject({ job: 'weir', version: '0.1.0' });
    const sent = async () => (await prometheus.query('sum(weir_requests_total{class="messages",status="201"})'))[0];
    await until(async () => (await sent())?.value[1] === '800', { what: 'the last scrape after the load' });
  });

  describe('show on the dashboard', () => {
    const curvesOf = async (expr: string) => prometheus.queryRange(filled(expr), fromS, await now());

    it.each(targets)('%s: %s', async (_, expr) => {
      const hasFigure = async () =>
        // A class that nobody asked for has no quantiles, others have.
        (await curvesOf(expr)).some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
      await until(hasFigure, { what: `a figure for ${expr}` });
    });

    it('as a picture, in which every panel has something drawn', async () => {
      const answered = targets.map(async ([, expr, panel, target]) => ({
        panel,
        target,
        curves: await curvesOf(expr),
      }));
      const answers: Answer[] = await Promise.all(answered);
      const picture = drawn(panels, answers, fromS, await now());
      mkdirSync(inRepository('.cache'), { recursive: true });
      writeFileSync(inRepository('.cache/dashboard.svg'), picture);
      const parts = picture.split(/(?=<svg x)/).filter((part) => part.includes('fill="#fff"'));
      expect(parts.length).toBe(panels.filter(({ type }) => type !== 'row').length);
      expect(parts.filter((part) => !/<polyline|font-size="32"/.test(part))).toEqual([]);
      expect(picture).not.toMatch(/NaN|undefined|>nothing</);
    });

    it('of the replicas that are chosen alone', async () => {
      const one = new URL(replicas[0]?.opsUrl as string).host;
      const [, connections = ''] = targets.find(([title]) => title === 'Connections') ?? [];
      const shown = async (instance: string) =>
        (await prometheus.query(filled(connections, { instance }))).map(({ metric }) => metric['instance']);
      expect(await shown(one)).toEqual([one]);
      const both = replicas.map(({ opsUrl }) => new URL(opsUrl).host).toSorted();
      expect(new Set(await shown(`(${both.join('|')})`))).toEqual(new Set(both));
    });

    it.each(['namespace', 'job', 'instance'])('nothing of another %s', async (variable) => {
      const strays = await Promise.all(
        targets.map(async ([title, expr]) => {
          const found = await prometheus.query(filled(expr, { [variable]: 'elsewhere' }));
          return found.some(({ value }) => value[1] !== '0') ? [title] : [];
        }),
      );
      expect(strays.flat()).toEqual([]);
    });

    it('and offer what can be chosen: namespaces, jobs, replicas, classes', async () => {
      const offered: Record<string, unknown> = {};
      for (const { name, query } of templating.list) {
        const [, match, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
        if (match === undefined) continue; // The data source itself.
        offered[name] = await prometheus.get(`label/${label}/values?match[]=${encodeURIComponent(filled(match))}`);
      }
      expect(offered).toMatchObject({
        namespace: ['messaging'],
        job: ['weir'],
        instance: replicas.map(({ opsUrl }) => new URL(opsUrl).host).toSorted(),
        class: expect.arrayContaining(['messages', 'media']),
      });
    });
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
