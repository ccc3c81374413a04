/** Histograms: native buckets beside the classic ones, traces as exemplars, bounds up to the longest hold time. */

import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { PrometheusMeter } from '../../src/adapters/prometheus/meter.ts';
import { protobufOf } from '../../src/adapters/prometheus/protobuf.ts';
import { familiesOf } from '../../src/adapters/prometheus/text.ts';
import { startTestApp } from '../support/app.ts';
import { endpointClasses, ownClasses } from '../support/classes.ts';
import { type HistogramRead, nativeCounts, readFamilies } from '../support/metric-families.ts';
import { busy } from '../support/snapshots.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';

const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
const openMetrics = 'application/openmetrics-text;version=1.0.0';
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

const meterOf = (holdMaxMs = 30_000): PrometheusMeter =>
  new PrometheusMeter({
    ...{ version: '1.2.3', classes: endpointClasses, ownClasses, form: null, snapshot: () => busy },
    holdMaxMs,
    wallMs: () => 1_700_000_000_250,
  });

async function histogram(meter: PrometheusMeter, name: string, of = 'messages'): Promise<HistogramRead> {
  const families = readFamilies((await meter.scrape(protobuf)).body as Buffer);
  const metric = families.get(name)?.metric.find(({ label }) => label.some(({ value }) => value === of));
  if (metric?.histogram == null) throw new Error(`There is no histogram ${name} of ${of}.`);
  return metric.histogram;
}

describe('a scrape in protocol buffers', () => {
  it('has all that the text has', async () => {
    const meter = meterOf();
    meter.answered('messages', 'POST', 201, 12);
    meter.held('messages', 'sent', 3);
    const text = String((await meter.scrape(undefined)).body);
    const named = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)\n(?=\w)/gm)].map(([, ...told]) => told);
    const families = [...readFamilies((await meter.scrape(protobuf)).body as Buffer).values()];
    expect(families.map(({ name, help, type }) => [name, help, type.toLowerCase()])).toEqual(named);
    expect(named.length).toBeGreaterThan(60);
    const counter = families.find(({ name }) => name === 'weir_requests_total')?.metric[0];
    const labels = { class: 'messages', method: 'POST', status: '201' };
    const label = Object.entries(labels).map(([name, value]) => ({ name, value }));
    expect(counter).toMatchObject({ label, counter: { value: 1 } });
    const gauge = families.find(({ name }) => name === 'weir_line_oldest_seconds')?.metric[0];
    expect(gauge?.gauge?.value).toBe(1.5);
  });

  it('has the histograms of prom-client as well, such as those of the garbage collector once it has run', async () => {
    const registry = new Registry();
    new Histogram({ name: 'gc', help: 'of Node', buckets: [1], registers: [registry] }).observe(0.5);
    const families = readFamilies(protobufOf(familiesOf(await registry.getMetricsAsJSON())));
    const read = families.get('gc')?.metric[0]?.histogram;
    expect(read).toMatchObject({ sample_sum: 0.5, bucket: [{ upper_bound: 1 }, {}] });
  });

  it('has each histogram with classic and with native buckets, of the same count', async () => {
    const meter = meterOf();
    const all = [0, 0.0001, 0.5, 1, 12, 12.1, 250, 1_000, 30_000, 1e9];
    for (const ms of all) meter.answered('messages', 'POST', 201, ms);
    const { bucket, ...told } = await histogram(meter, 'weir_request_duration_seconds');
    expect(told).toMatchObject({ sample_count: 10, schema: 3, zero_threshold: 2 ** -20, zero_count: 2 });
    const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
    expect(bucket.map(({ upper_bound }) => upper_bound)).toEqual([...bounds, Number.POSITIVE_INFINITY]);
    expect(bucket.at(-1)?.cumulative_count).toBe(10);
    const counts = nativeCounts({ bucket, ...told });
    // Each value is above the bucket's lower end, and no more than its upper one.
    for (const ms of all.slice(2, -1)) {
      const index = [...counts.keys()].find((i) => ms / 1_000 > 2 ** ((i - 1) / 8) && ms / 1_000 <= 2 ** (i / 8));
      expect(counts.get(index as number), `${ms} ms`).toBeGreaterThanOrEqual(1);
    }
    expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(8);
    // What takes longer than anything is in the last bucket.
    expect([...counts.keys()].at(-1)).toBe(17 * 8);
  });

  it('has a histogram of nothing but zeros as a native one', async () => {
    const meter = meterOf();
    meter.held('contacts', 'sent', 0);
    const { zero_count, positive_span, positive_delta } = await histogram(meter, 'weir_hold_seconds', 'contacts');
    expect([zero_count, positive_span, positive_delta]).toEqual([1, [{ offset: 0, length: 0 }], []]);
  });

  it('widens native buckets where there would be more than 160', async () => {
    const meter = meterOf();
    for (let i = -100; i <= 80; i++) meter.answered('messages', 'POST', 201, 1_000 * 2 ** ((i - 0.5) / 8));
    const told = await histogram(meter, 'weir_request_duration_seconds');
    const counts = nativeCounts(told);
    expect([told.schema, counts.size, told.sample_count]).toEqual([2, 91, 181]);
    expect([counts.get(-50), counts.get(-49), counts.get(40)]).toEqual([1, 2, 2]);
  });
});

describe('exemplars', () => {
  const counted = (): PrometheusMeter => {
    const meter = meterOf();
    meter.answered('messages', 'POST', 201, 12, 'ab'.repeat(16));
    meter.answered('messages', 'POST', 201, 13, traceId);
    meter.answered('messages', 'POST', 201, 14);
    meter.held('messages', 'sent', 1_500, traceId);
    meter.coreappAnswered('messages', 201, 70_000, traceId);
    return meter;
  };

  it('name the last trace of a bucket, in OpenMetrics', async () => {
    const lines = String((await counted().scrape(openMetrics)).body).split('\n');
    const stamp = 1_700_000_000.25;
    expect(lines).toEqual(
      expect.arrayContaining([
        `weir_request_duration_seconds_bucket{class="messages",le="0.025"} 3 # {trace_id="${traceId}"} 0.013 ${stamp}`,
        'weir_request_duration_seconds_bucket{class="messages",le="0.05"} 3',
        `weir_hold_seconds_bucket{class="messages",outcome="sent",le="2.5"} 1 # {trace_id="${traceId}"} 1.5 ${stamp}`,
        `weir_coreapp_duration_seconds_bucket{class="messages",le="+Inf"} 1 # {trace_id="${traceId}"} 70 ${stamp}`,
      ]),
    );
  });

  it('and in protocol buffers, but not in the plain text', async () => {
    const meter = counted();
    const { bucket } = await histogram(meter, 'weir_request_duration_seconds');
    const timestamp = { seconds: 1_700_000_000, nanos: 250_000_000 };
    expect(bucket.map(({ exemplar }) => exemplar ?? null).filter((one) => one !== null)).toMatchObject([
      { label: [{ name: 'trace_id', value: traceId }], value: 0.013, timestamp },
    ]);
    expect(String((await meter.scrape(undefined)).body)).not.toContain(traceId);
  });

  it('are those whose caller says that they are sampled, also without a collector', async () => {
    await using upstream = await startUpstream(say(answer(200)));
    await using app = await startTestApp(upstream.url);
    const unsampled = 'cd'.repeat(16);
    await app.send('GET /v1/contacts', `traceparent: 00-${unsampled}-00f067aa0ba902b7-00\r\n`);
    await app.send('GET /v1/support', `traceparent: 00-${traceId}-00f067aa0ba902b7-01\r\n`);
    const scrape = await fetch(`http://127.0.0.1:${app.opsPort}/metrics`, { headers: { accept: openMetrics } });
    const text = await scrape.text();
    for (const name of ['request', 'coreapp']) {
      const bucket = `weir_${name}_duration_seconds_bucket\\{class="support",.* # \\{trace_id="${traceId}"`;
      expect(text).toMatch(new RegExp(bucket));
    }
    expect(text).not.toContain(unsampled);
  });
});

describe('the bounds of time in line', () => {
  const bounds = async (meter: PrometheusMeter, of = 'messages'): Promise<number[]> =>
    (await histogram(meter, 'weir_hold_seconds', of)).bucket.map(({ upper_bound }) => upper_bound);

  it.each<[number, number]>([
    [1_000, 60],
    [60_000, 60],
    [60_001, 120],
    [300_000, 300],
    [600_000, 600],
  ])('go up to the longest hold time: %i ms', async (holdMaxMs, last) => {
    const meter = meterOf(holdMaxMs);
    meter.held('messages', 'sent', 1);
    expect((await bounds(meter)).at(-2)).toBe(last);
  });

  it('grow with a reload, and keep what was counted', async () => {
    const meter = meterOf(30_000);
    meter.held('messages', 'sent', 1_000, traceId);
    meter.held('messages', 'sent', 61_000, traceId);
    meter.know(['new'], 120_000);
    meter.held('messages', 'sent', 110_000);
    meter.held('new', 'sent', 110_000);
    const { bucket } = await histogram(meter, 'weir_hold_seconds');
    const counts = bucket.slice(-3).map((one) => `${one.cumulative_count} to ${one.upper_bound} s`);
    expect(counts).toEqual(['1 to 60 s', '2 to 120 s', '3 to Infinity s']);
    expect(await bounds(meter, 'new')).toEqual(await bounds(meter));
    meter.know([], 1_000);
    expect((await bounds(meter)).at(-2)).toBe(120);
  });
});
