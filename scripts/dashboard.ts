/**
 * The Grafana dashboard, from one table: rows of panels, each with its question and the expressions that answer it.
 * `test/deploy/prometheus.test.ts` runs every expression against a Prometheus that scraped a Weir under load, and draws
 * what came out: `.cache/dashboard.svg`.
 */

interface Panel {
  readonly title: string;
  /** What it tells, and when to look closer. */
  readonly tells: string;
  readonly kind: 'timeseries' | 'stat';
  /** A unit of Grafana's: `reqps`, `s`, `percentunit`, `short`, `bytes`. */
  readonly unit: string;
  /** Legend → expression. */
  readonly shows: Readonly<Record<string, string>>;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Where there is no Kubernetes there is no namespace, which "all" takes as well. */
const replicas = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"';
const classes = `${replicas}, class=~"$class"`;

const rate = (metric: string, labels = classes): string => `rate(${metric}{${labels}}[$__rate_interval])`;
const quantile = (q: number, histogram: string, labels = classes, by = 'class'): string =>
  `histogram_quantile(${q}, sum by (${by}, le) (${rate(`${histogram}_bucket`, labels)}))`;

const lines = (title: string, tells: string, unit: string, shows: Panel['shows']): Panel => ({
  title,
  tells,
  kind: 'timeseries',
  unit,
  shows,
});
const figure = (title: string, tells: string, unit: string, expression: string): Panel => ({
  title,
  tells,
  kind: 'stat',
  unit,
  shows: { '': expression },
});

const rows: readonly Row[] = [
  {
    title: 'What callers see',
    panels: [
      figure('Replicas ready', 'How many say yes at /readyz.', 'short', `sum(weir_ready{${replicas}})`),
      figure('Requests in line', 'Over all replicas and classes.', 'short', `sum(weir_line_requests{${classes}})`),
      figure(
        'Refused in 15 minutes',
        'Weir’s own bounds, the Coreapp and the store; not what was the caller’s mistake. 0 on a good day.',
        'short',
        `sum(increase(weir_refusals_total{${replicas}, blame!="caller"}[15m]))`,
      ),
      lines('Requests answered', 'By endpoint class.', 'reqps', {
        '{{class}}': `sum by (class) (${rate('weir_requests_total')})`,
      }),
      lines('Answers by status', 'A 503 is Weir’s own: see Refusals.', 'reqps', {
        '{{status}}': `sum by (status) (${rate('weir_requests_total')})`,
      }),
      lines('Refusals', 'By name and whose doing it was; docs/reference/errors.md has the list.', 'reqps', {
        '{{refusal}} ({{blame}})': `sum by (refusal, blame) (${rate('weir_refusals_total', replicas)}) > 0`,
      }),
      lines('Time to answer', 'From the head of a request to the end of its answer, time in line included.', 's', {
        'p50 {{class}}': quantile(0.5, 'weir_request_duration_seconds'),
        'p99 {{class}}': quantile(0.99, 'weir_request_duration_seconds'),
      }),
    ],
  },
  {
    title: 'The line',
    panels: [
      lines(
        'Requests in line',
        'Over all replicas. A line that only grows: callers ask for more than the limit.',
        'short',
        {
          '{{class}}': `sum by (class) (weir_line_requests{${classes}})`,
        },
      ),
      lines('Oldest in line', 'The worst replica’s. At holdMaxMs it is refused.', 's', {
        '{{class}}': `max by (class) (weir_line_oldest_seconds{${classes}})`,
      }),
      lines('Time in line', 'Of those that were sent; who need not wait counts with 0.', 's', {
        'p50 {{class}}': quantile(0.5, 'weir_hold_seconds', `${classes}, outcome="sent"`),
        'p95 {{class}}': quantile(0.95, 'weir_hold_seconds', `${classes}, outcome="sent"`),
      }),
      lines('How stays in line end', 'Sent, refused by Weir, or the caller hung up.', 'reqps', {
        '{{outcome}}': `sum by (outcome) (${rate('weir_hold_seconds_count')})`,
      }),
      lines('Room in line', 'Requests that wait against how many can, the worst replica’s.', 'percentunit', {
        '{{class}}': `max by (class) (weir_line_requests{${classes}} / weir_line_requests_max{${classes}})`,
      }),
      lines('Room for bodies', 'Bytes of bodies as a part of lineMaxBytes, the worst replica’s.', 'percentunit', {
        '{{class}}': `max by (class) (weir_line_bytes{${classes}} / weir_line_bytes_max{${classes}})`,
      }),
    ],
  },
  {
    title: 'The limit',
    panels: [
      lines(
        'Share of the limit in use',
        'Slots taken against the rate, over all replicas. Above 1: a burst.',
        'percentunit',
        {
          '{{class}}': `sum by (class) (${rate('weir_slots_total')}) / max by (class) (weir_bucket_rate{${classes}})`,
        },
      ),
      lines('Slots by source', 'store: shared. fallback: Redis is away, replicas use their shares.', 'reqps', {
        '{{source}}': `sum by (source) (${rate('weir_slots_total')})`,
      }),
      lines('Pauses', 'For how long the upstream has asked for one, the worst replica’s.', 's', {
        '{{class}} {{whose}}': `max by (class, whose) (weir_pause_seconds{${classes}})`,
      }),
      lines('Slots held', 'Taken ahead of need and not yet used.', 'short', {
        '{{class}}': `sum by (class) (weir_slots_held{${classes}})`,
      }),
    ],
  },
  {
    title: 'Narrow limits, where there are any',
    panels: [
      lines('Lanes', 'Values of a narrow limit (limits.<class>.also) for which something is remembered.', 'short', {
        '{{class}} {{limit}}': `sum by (class, limit) (weir_lanes{${classes}})`,
      }),
      lines('Parked in lanes', 'Requests that wait for their own narrow limit, and hold up nobody.', 'short', {
        '{{class}} {{limit}}': `sum by (class, limit) (weir_lane_requests{${classes}})`,
      }),
      lines('Lanes that pause', 'Since the upstream asked for it.', 'short', {
        '{{class}} {{limit}}': `sum by (class, limit) (weir_lanes_paused{${classes}})`,
      }),
    ],
  },
  {
    title: 'The Coreapp',
    panels: [
      lines(
        'Answers of the Coreapp',
        'Each attempt. Its 429 and 503 are replayed; failure: there was no answer.',
        'reqps',
        {
          '{{status}}': `sum by (status) (${rate('weir_coreapp_answers_total')})`,
        },
      ),
      lines('Replays', 'Requests sent again, and why.', 'reqps', {
        '{{class}} {{reason}}': `sum by (class, reason) (${rate('weir_replays_total')}) > 0`,
      }),
      lines('Time at the Coreapp', 'Each attempt.', 's', {
        'p50 {{class}}': quantile(0.5, 'weir_coreapp_duration_seconds'),
        'p99 {{class}}': quantile(0.99, 'weir_coreapp_duration_seconds'),
      }),
      lines('In flight', 'Requests at the Coreapp, over all replicas.', 'short', {
        '{{class}}': `sum by (class) (weir_permits_in_use{${classes}})`,
      }),
      lines('Permits', 'How many may be in flight in the worst replica; falls when the Coreapp refuses.', 'short', {
        '{{class}}': `min by (class) (weir_permits_limit{${classes}})`,
      }),
    ],
  },
  {
    title: 'Redis',
    panels: [
      lines('Replicas without Redis', 'Each goes on with its share of the limits.', 'short', {
        away: `count(weir_store_up{${replicas}} == 0) or vector(0)`,
      }),
      lines('Round trips', 'p99 by call. Above redis.callTimeoutMs a replica goes on alone.', 's', {
        '{{call}}': quantile(0.99, 'weir_store_call_duration_seconds', replicas, 'call'),
      }),
      lines('Calls', 'By call and outcome.', 'reqps', {
        '{{call}} {{outcome}}': `sum by (call, outcome) (${rate('weir_store_call_duration_seconds_count', replicas)})`,
      }),
    ],
  },
  {
    title: 'The processes',
    panels: [
      lines('CPU', 'Cores; one replica’s event loop can use one.', 'short', {
        '{{instance}}': `${rate('process_cpu_seconds_total', replicas)} and on (namespace, job, instance) weir_build_info`,
      }),
      lines('Memory', 'Resident. Bodies in memory are part of it.', 'bytes', {
        '{{instance}}': `process_resident_memory_bytes{${replicas}} and on (namespace, job, instance) weir_build_info`,
      }),
      lines('Event loop', 'How late it is, p99. Above 0.1 s a replica has too much to do.', 's', {
        '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${replicas}} and on (namespace, job, instance) weir_build_info`,
      }),
      lines('Disk for bodies', 'As a part of bodies.diskMaxBytes.', 'percentunit', {
        '{{instance}}': `weir_disk_bytes{${replicas}} / weir_disk_bytes_max{${replicas}}`,
      }),
      lines('Open files', 'As a part of what the process may open. Connections and bodies take them.', 'percentunit', {
        '{{instance}}': `process_open_fds{${replicas}} / process_max_fds{${replicas}} and on (namespace, job, instance) weir_build_info`,
      }),
      lines('Connections', 'Of callers.', 'short', { '{{instance}}': `weir_connections{${replicas}}` }),
      lines('Workers', 'Processes that serve, and those that were started again. Without workers it is 1.', 'short', {
        '{{instance}} serving': `weir_workers_serving{${replicas}}`,
        '{{instance}} started again': `increase(weir_worker_restarts_total{${replicas}}[$__rate_interval])`,
      }),
      lines('Versions', 'More than one for longer than a rollout takes: something is stuck.', 'short', {
        '{{version}} on Node {{node}}': `count by (version, node) (weir_build_info{${replicas}})`,
      }),
      lines('Configurations', 'By their hash. More than one for long: a replica has refused a change.', 'short', {
        '{{hash}}': `count by (hash) (weir_config_info{${replicas}})`,
      }),
      lines('Reloads', 'What became of changed files, over all replicas.', 'short', {
        '{{result}}': `sum by (result) (increase(weir_config_reloads_total{${replicas}}[$__rate_interval]))`,
      }),
    ],
  },
];

const columns = 24;
const rowHeight = 1;
const panelHeight = 8;
const statHeight = 4;
const panelWidth = 8;

const datasource = { type: 'prometheus', uid: '$datasource' };

function panelOf(panel: Panel, id: number, x: number, y: number) {
  const { title, tells, kind, unit, shows } = panel;
  const size = { h: kind === 'stat' ? statHeight : panelHeight, w: panelWidth };
  const custom = kind === 'timeseries' ? { custom: { fillOpacity: 10, showPoints: 'never' } } : {};
  const options =
    kind === 'timeseries'
      ? { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } }
      : { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value' };
  return {
    id,
    type: kind,
    title,
    description: tells,
    datasource,
    gridPos: { ...size, x, y },
    fieldConfig: { defaults: { unit, min: 0, ...custom }, overrides: [] },
    options,
    targets: Object.entries(shows).map(([legend, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}

/** Rows one below the other, panels from left to right. */
function layOut(): unknown[] {
  const placed: unknown[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: rowHeight, w: columns, x: 0, y },
      panels: [],
    });
    y += rowHeight;
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      if (x + panelWidth > columns) {
        x = 0;
        y += height;
      }
      placed.push(panelOf(panel, placed.length + 1, x, y));
      height = panel.kind === 'stat' ? statHeight : panelHeight;
      x += panelWidth;
    }
    y += height;
  }
  return placed;
}

/** Whose values are those of a label, of the series that the variables before it leave. Several may be chosen, or all. */
const variable = (name: string, label: string, of: string) => ({
  name,
  label,
  type: 'query',
  datasource,
  query: `label_values(${of}, ${name})`,
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
});

/** `helm/files/dashboard.json` */
export function dashboard(): string {
  const whole = {
    uid: 'weir',
    title: 'Weir',
    description:
      'Generated by scripts/dashboard.ts. What callers see, the line, the limit, the Coreapp, Redis, the processes.',
    tags: ['weir'],
    timezone: 'browser',
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        variable('namespace', 'Namespace', 'weir_build_info'),
        variable('job', 'Job', 'weir_build_info{namespace=~"$namespace"}'),
        variable('instance', 'Replica', 'weir_build_info{namespace=~"$namespace", job=~"$job"}'),
        variable('class', 'Endpoint class', `weir_bucket_rate{${replicas}}`),
      ],
    },
    annotations: { list: [] },
    panels: layOut(),
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}
