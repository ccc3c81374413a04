/** Native histograms and exemplars, as a real Prometheus takes them that is told to. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { until } from '../support/until.ts';
import { login, type RunningSimulator, type RunningWeir, startSimulatorProcess, startWeir } from '../support/weir.ts';
import { Prometheus } from './support/prometheus.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const requests = 20;

describe.skipIf(inject('lacking').prometheus !== null)('A Prometheus that takes native histograms', () => {
  let simulator: RunningSimulator;
  let weir: RunningWeir;
  let prometheus: Prometheus;

  beforeAll(async () => {
    simulator = await startSimulatorProcess();
    weir = await startWeir({ COREAPP_URL: simulator.url });
    const target = { job: 'weir', addresses: [new URL(weir.opsUrl).host], path: '/metrics' };
    prometheus = await Prometheus.start([target], [], ['native-histograms', 'exemplar-storage']);
    const token = await login(weir.url);
    for (let i = 0; i < requests; i++) {
      const fields = { authorization: `Bearer ${token}`, traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
      await ask('GET', `${weir.url}/v1/contacts/none`, { fields });
    }
  });

  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await weir?.[Symbol.asyncDispose]();
    await simulator?.[Symbol.asyncDispose]();
  });

  const figure = async (expr: string): Promise<number> => Number((await prometheus.query(expr))[0]?.value[1]);

  it('gets them, of the right count and sum', async () => {
    const duration = 'weir_request_duration_seconds{class="contacts"}';
    await until(async () => (await figure(`histogram_count(${duration})`)) === requests, {
      what: `${requests} requests in a native histogram`,
    });
    const { text } = await ask('GET', `${weir.opsUrl}/metrics`);
    const sum = Number(/^weir_request_duration_seconds_sum\{class="contacts"\} (\S+)$/m.exec(text)?.[1]);
    expect(await figure(`histogram_sum(${duration})`)).toBeCloseTo(sum, 9);
    const median = await figure(`histogram_quantile(0.5, ${duration})`);
    expect(median).toBeGreaterThan(0);
    expect(median).toBeLessThan(sum);
    // All that were sent at once were in line for no time at all.
    expect(await figure('histogram_count(weir_hold_seconds{class="contacts",outcome="sent"})')).toBe(requests);
  });

  it('gets what is no histogram as ever', async () => {
    const [build] = await prometheus.query('weir_build_info');
    expect(build?.metric).toMatchObject({ job: 'weir', version: '0.1.0' });
    await until(async () => (await figure('weir_requests_total{class="contacts"}')) === requests, {
      what: 'the counter',
    });
    const [gc] = await prometheus.query('nodejs_version_info');
    expect(gc?.metric['version']).toBe(process.version);
  });

  it('gets the traces of exemplars', async () => {
    const now = Date.now() / 1_000;
    const path = `query_exemplars?query=weir_request_duration_seconds&start=${now - 600}&end=${now + 600}`;
    const found = await until(
      async () => {
        const series = (await prometheus.get(path)) as { exemplars: { labels: Record<string, string> }[] }[];
        return series.length > 0 && series;
      },
      { what: 'an exemplar' },
    );
    expect(found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id']))).toContain(traceId);
  });
});
