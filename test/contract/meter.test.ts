import { describe, expect, it } from 'vitest';
import { PrometheusMeter } from '../../src/adapters/prometheus/meter.ts';
import { refusalTable } from '../../src/exchange/refusals.ts';
import type { Snapshot } from '../../src/observe/snapshot.ts';
import { figuresText, webappFamilies } from '../../src/profiles/coreapp/figures.ts';
import { endpointClasses, ownClasses } from '../support/classes.ts';
import { busy } from '../support/snapshots.ts';

const form = { families: webappFamilies, json: figuresText };

const meterOf = (snapshot: () => Snapshot = () => busy): PrometheusMeter =>
  new PrometheusMeter({ version: '1.2.3', classes: endpointClasses, ownClasses, form, node: 'box:weir', snapshot });

const openMetrics = 'application/openmetrics-text;version=1.0.0';
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const protobuf = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
const prometheusNative =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,' +
  'application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,' +
  'text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

async function textFrom(meter: PrometheusMeter, accept?: string): Promise<string> {
  return String((await meter.scrape(accept)).body);
}

async function lines(meter: PrometheusMeter, accept?: string): Promise<string[]> {
  return (await textFrom(meter, accept)).split('\n');
}

describe('what is counted', () => {
  /** Each in classes, or of metrics, that no other one touches. */
  function record(meter: PrometheusMeter): void {
    meter.answered('messages', 'POST', 201, 12);
    meter.answered('messages', 'POST', 201, 70_000);
    meter.answered('media', 'GET', 200, 250);
    meter.answered('none', 'BREW"\n', 400, 1);
    meter.answered('none', 'other', 400, 1);
    meter.coreappAnswered('health', 999, 1);
    meter.held('contacts', 'gone', 30_000);
    meter.coreappAnswered('messages', 503, 4);
    meter.coreappAnswered('messages', 'failure', 4);
    meter.replayed('messages', 'throttled');
    meter.refused('lineFull');
    meter.cut('messages', 'callerSlow');
    meter.cut('none', 'stopping');
    meter.reserved('messages', 'store', 5);
    meter.reserved('messages', 'store', 2);
    meter.reserved('messages', 'fallback', 1);
    meter.storeCalled('reserve', 'ok', 0.7);
    meter.storeCalled('reserve', 'error', 50);
  }

  const shown: Readonly<Record<string, readonly string[]>> = {
    'an answer by class, method and status': [
      'weir_requests_total{class="messages",method="POST",status="201"} 2',
      'weir_request_duration_seconds_bucket{class="messages",le="0.01"} 0',
      'weir_request_duration_seconds_bucket{class="messages",le="0.025"} 1',
      'weir_request_duration_seconds_bucket{class="messages",le="60.0"} 1',
      'weir_request_duration_seconds_bucket{class="messages",le="+Inf"} 2',
      'weir_request_duration_seconds_sum{class="messages"} 70.012',
      'weir_request_duration_seconds_count{class="messages"} 2',
    ],
    'a time on a bound within it': [
      'weir_request_duration_seconds_bucket{class="media",le="0.1"} 0',
      'weir_request_duration_seconds_bucket{class="media",le="0.25"} 1',
    ],
    'an invented method and an impossible status as other': [
      'weir_requests_total{class="none",method="other",status="400"} 2',
      'weir_coreapp_answers_total{class="health",status="other"} 1',
    ],
    'a stay in line by its outcome': [
      'weir_hold_seconds_bucket{class="contacts",outcome="gone",le="20.0"} 0',
      'weir_hold_seconds_bucket{class="contacts",outcome="gone",le="30.0"} 1',
      'weir_hold_seconds_count{class="contacts",outcome="gone"} 1',
    ],
    'the answers and failures of the Coreapp': [
      'weir_coreapp_answers_total{class="messages",status="503"} 1',
      'weir_coreapp_answers_total{class="messages",status="failure"} 1',
      'weir_coreapp_duration_seconds_count{class="messages"} 2',
    ],
    'replays by reason': [
      'weir_replays_total{class="messages",reason="throttled"} 1',
      'weir_replays_total{class="messages",reason="broken"} 0',
    ],
    'refusals by name and blame': [
      'weir_refusals_total{refusal="lineFull",blame="weir"} 1',
      'weir_refusals_total{refusal="unauthenticated",blame="caller"} 0',
    ],
    'answers that were cut off, by cause': [
      'weir_answers_cut_total{class="messages",cause="callerSlow"} 1',
      'weir_answers_cut_total{class="none",cause="stopping"} 1',
    ],
    'slots by where they came from': [
      'weir_slots_total{class="messages",source="store"} 7',
      'weir_slots_total{class="messages",source="fallback"} 1',
    ],
    'round trips to the store': [
      'weir_store_call_duration_seconds_bucket{call="reserve",outcome="ok",le="0.0005"} 0',
      'weir_store_call_duration_seconds_bucket{call="reserve",outcome="ok",le="0.001"} 1',
      'weir_store_call_duration_seconds_sum{call="reserve",outcome="error"} 0.05',
    ],
  };
  it.each(Object.entries(shown))('%s', async (_, expected) => {
    const meter = meterOf();
    record(meter);
    expect(await lines(meter)).toEqual(expect.arrayContaining([...expected]));
  });

  it('gauges are the replica as it is at the scrape', async () => {
    let now: Snapshot = busy;
    const meter = meterOf(() => now);
    expect(await lines(meter)).toEqual(
      expect.arrayContaining([
        'weir_line_requests{class="messages"} 3',
        'weir_line_bytes{class="messages"} 450',
        'weir_line_oldest_seconds{class="messages"} 1.5',
        'weir_slots_held{class="messages"} 5',
        'weir_bucket_rate{class="messages"} 50',
        'weir_bucket_burst{class="messages"} 150',
        'weir_permits_in_use{class="messages"} 2',
        'weir_permits_limit{class="messages"} 64',
        'weir_store_up 1',
        'weir_store_fallback 0',
        'weir_connections 7',
        'weir_ready 1',
        `weir_build_info{version="1.2.3",node="${process.version}"} 1`,
      ]),
    );
    now = { ...busy, store: { ...busy.store, up: false, fallback: true }, ready: false };
    expect(await lines(meter)).toEqual(
      expect.arrayContaining(['weir_store_up 0', 'weir_store_fallback 1', 'weir_ready 0']),
    );
  });

  it('every refusal is there from the start, with 0', async () => {
    const shown = (await lines(meterOf())).filter((line) => line.startsWith('weir_refusals_total{'));
    expect(shown).toHaveLength(Object.keys(refusalTable).length);
    expect(shown.every((line) => line.endsWith(' 0'))).toBe(true);
  });

  it('however many methods, statuses and store calls come, the number of series stays bounded', async () => {
    const meter = meterOf();
    for (let i = 0; i < 2_000; i++) {
      meter.answered('messages', `METHOD${i}`, 1_000 + i, 1);
      meter.storeCalled(`call${i}`, 'ok', 1);
    }
    const shown = await lines(meter);
    expect(shown.filter((line) => line.startsWith('weir_requests_total{'))).toHaveLength(1);
    expect(shown.filter((line) => line.startsWith('weir_store_call_duration_seconds_count{'))).toHaveLength(33);
  });
});

describe('the text formats', () => {
  const plainText = 'text/plain; version=0.0.4; charset=utf-8';
  const anyOpenMetrics = 'application/openmetrics-text';
  const prometheus242 = `${openMetrics},${anyOpenMetrics};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`;
  it.each([
    ['nothing said', undefined, plainText],
    ['a browser', 'text/html,*/*;q=0.8', plainText],
    ['OpenMetrics alone', anyOpenMetrics, openMetricsType],
    ['Prometheus 2.42', prometheus242, openMetricsType],
    ['text preferred', `${openMetrics};q=0.4,text/plain;version=0.0.4;q=0.9`, plainText],
    ['OpenMetrics refused', `${openMetrics};q=0`, plainText],
    ['an unknown version', `${anyOpenMetrics};version=9.0.0`, plainText],
    ['nonsense', ';;q=x,,=', plainText],
    ['what Prometheus asks for that is to take native histograms', prometheusNative, protobuf],
    ['protocol buffers that weigh less', `${protobuf};q=0.4,${openMetrics};q=0.5`, openMetricsType],
    ['protocol buffers of another kind', protobuf.replace('io.prometheus.client.MetricFamily', 'x'), plainText],
    ['protocol buffers in another form', protobuf.replace('delimited', 'text'), plainText],
  ])('%s', async (_, accept, expected) => {
    expect((await meterOf().scrape(accept)).contentType).toBe(expected);
  });

  it('OpenMetrics names a counter’s family without _total, its samples with it, and says where it ends', async () => {
    const meter = meterOf();
    meter.answered('messages', 'POST', 201, 12);
    const body = await textFrom(meter, openMetrics);
    expect(body).toContain('# TYPE weir_requests counter\nweir_requests_total{class="messages"');
    expect(body).toContain('# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total ');
    expect(body).not.toContain('_total_total');
    expect(body.endsWith('\n# EOF\n')).toBe(true);
  });

  it('a scrape as OpenMetrics leaves the plain text as it was', async () => {
    const meter = meterOf();
    await meter.scrape(openMetrics);
    const body = await textFrom(meter);
    expect(body).toContain('# TYPE weir_refusals_total counter');
    expect(body).toContain('# TYPE process_cpu_seconds_total counter');
    expect(body).not.toContain('# EOF');
  });
});

describe('GET /v1/metrics', () => {
  type Figures = {
    metrics: Record<string, { type: string; help: string; data: { labels: Record<string, string>; value: number }[] }>;
    meta: unknown;
  };

  it('has the names that dashboards of the original read, as the contract shapes them', async () => {
    const meter = meterOf();
    meter.answered('health', 'GET', 200, 4);
    meter.answered('health', 'GET', 200, 6);
    meter.answered('stickers', 'POST', 201, 3);
    const page = await meter.figures('json');
    expect(page).toMatchObject({ kind: 'page', status: 200, fields: ['content-type', 'application/json'] });
    const { metrics, meta } = JSON.parse(page.body) as Figures;
    expect(meta).toEqual({ version: expect.any(String), api_status: 'stable' });
    const data = (name: string) => metrics[name]?.data;
    const health = { node: 'box:weir', result: '200', method: 'GET_v1_health' };
    expect(data('web_uptime')?.[0]?.value).toBeGreaterThan(0);
    expect(data('web_connections')).toEqual([{ labels: {}, value: 7 }]);
    expect(data('web_pending_connections')).toEqual([{ labels: {}, value: 5 }]);
    expect(data('web_queue_len')).toEqual([{ labels: {}, value: 3 }]);
    expect(data('web_requests')).toEqual([
      { labels: { state: 'waiting' }, value: 3 },
      { labels: { state: 'active' }, value: 2 },
    ]);
    expect(data('api_requests_duration_ms_count')).toContainEqual({ labels: health, value: 2 });
    expect(data('api_requests_duration_ms_sum')).toContainEqual({ labels: health, value: 10 });
    expect(data('api_requests_duration_ms_count')).toContainEqual({
      labels: { node: 'box:weir', result: '201', method: 'POST_v1_stickerpacks' },
      value: 1,
    });
    expect(metrics['web_queue_len']).toMatchObject({ type: 'gauge', help: expect.stringMatching(/./) });
  });

  it('has Weir’s own metrics too, a histogram as its count and sum, and nothing of Node', async () => {
    const meter = meterOf();
    meter.held('messages', 'sent', 120);
    const { metrics } = JSON.parse((await meter.figures('json')).body) as Figures;
    const labels = { class: 'messages', outcome: 'sent' };
    expect(metrics['weir_hold_seconds_count']?.data).toEqual([{ labels, value: 1 }]);
    expect(metrics['weir_hold_seconds_sum']?.data).toEqual([{ labels, value: 0.12 }]);
    expect(Object.keys(metrics).filter((name) => !/^(weir|web|api)_/.test(name))).toEqual([]);
  });

  it('is Prometheus text where that is asked for', async () => {
    const meter = meterOf();
    meter.answered('health', 'GET', 200, 4);
    const page = await meter.figures('prometheus');
    expect(page.fields).toEqual(['content-type', 'text/plain; version=0.0.4; charset=utf-8']);
    expect(page.body.split('\n')).toEqual(
      expect.arrayContaining([
        'web_queue_len 3',
        '# TYPE api_requests_duration_ms summary',
        'api_requests_duration_ms_sum{node="box:weir",result="200",method="GET_v1_health"} 4',
        'weir_requests_total{class="health",method="GET",status="200"} 1',
      ]),
    );
  });
});
