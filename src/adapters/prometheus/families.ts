/**
 * Weir's own metrics, all of them: names, help and where each value is read. `docs/reference/metrics.md` explains them,
 * and `test/spec/ops.test.ts` holds the two lists against each other.
 *
 * Labels are closed sets (endpoint class, method, status, outcome, …); a caller's name is never one.
 */
import { type RefusalName, refusalTable } from '../../exchange/refusals.ts';
import { type Family, type Labels, type Sample, sample } from '../../observe/family.ts';
import { reloadResults, spanOutcomes } from '../../observe/ports.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
import type { Histogram } from './counts.ts';
import { histogramSamples } from './family.ts';
import type { ClassTally, Tally } from './tally.ts';

/** What runs: Weir's version and Node's. */
interface Build {
  readonly version: string;
  readonly node: string;
}

export function weirFamilies(tally: Tally, snapshot: Snapshot, build: Build): Family[] {
  return [...requests(tally), ...line(tally, snapshot), ...slots(tally, snapshot), ...coreapp(tally, snapshot)].concat(
    lanes(snapshot),
    refusals(tally),
    monitoring(tally),
    answers(snapshot),
    disk(snapshot),
    store(tally, snapshot),
    configuration(tally, snapshot),
    spans(tally),
    log(snapshot),
    replica(snapshot, build),
  );
}

function counter(name: string, help: string, values: readonly Sample[]): Family {
  return { name, type: 'counter', help, values };
}

function gauges(name: string, help: string, values: readonly Sample[]): Family {
  return { name, type: 'gauge', help, values };
}

/** One sample, without labels. */
function gauge(name: string, help: string, value: number | boolean): Family {
  return gauges(name, help, [sample(Number(value))]);
}

/** A sample of each row. */
function gaugesOf<Row extends { readonly class: string }>(
  rows: readonly Row[],
  labelsOf: (row: Row) => Labels = (row) => ({ class: row.class }),
) {
  return (name: string, help: string, read: (row: Row) => number | boolean): Family => {
    const values = rows.map((row) => sample(Number(read(row)), labelsOf(row)));
    return gauges(name, help, values);
  };
}

type Labelled = readonly [labels: Labels, histogram: Histogram];

function histograms(name: string, help: string, each: readonly Labelled[]): Family {
  const values = each.flatMap(([labels, histogram]) => histogramSamples(name, labels, histogram));
  return { name, type: 'histogram', help, values };
}

function ofEach<Read>(tally: Tally, read: (figures: ClassTally, name: string) => Read[]): Read[] {
  return [...tally.classes].flatMap(([name, figures]) => read(figures, name));
}

/** A sample of each class and each kind that has happened. */
function kinds(tally: Tally, label: string, read: (figures: ClassTally) => Readonly<Record<string, number>>): Sample[] {
  return ofEach(tally, (figures, name) =>
    Object.entries(read(figures))
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => sample(count, { class: name, [label]: kind })),
  );
}

function requests(tally: Tally): Family[] {
  const answers = ofEach(tally, (figures, name) =>
    [...figures.answers].flatMap(([method, byStatus]) =>
      [...byStatus.cells()].map(({ status, count }) => sample(count, { class: name, method, status })),
    ),
  );
  const cuts = kinds(tally, 'cause', (figures) => figures.cuts);
  return [
    counter('weir_requests_total', 'Requests answered, by endpoint class, method and status.', answers),
    histograms(
      'weir_request_duration_seconds',
      'Time from the head of a request to the end of its answer, time in line included.',
      ofEach<Labelled>(tally, ({ duration }, name) => [[{ class: name }, duration]]),
    ),
    counter('weir_answers_cut_total', 'Answers that Weir cut off, by class and cause.', cuts),
  ];
}

function line(tally: Tally, { lines }: Snapshot): Family[] {
  const holds = ofEach(tally, (figures, name) =>
    Object.entries(figures.holds).map(([outcome, histogram]): Labelled => [{ class: name, outcome }, histogram]),
  );
  const of = gaugesOf(lines);
  return [
    histograms('weir_hold_seconds', 'Time of one stay in line, by how it ended.', holds),
    of('weir_line_requests', 'Requests that wait in line.', (one) => one.requests),
    of('weir_line_requests_max', 'How many requests can wait in line.', (one) => one.requestsMax),
    of('weir_line_callers', 'Principals that wait in line.', (one) => one.callers),
    of('weir_line_bytes', 'Bytes of request bodies: being read, waiting in line, in flight.', (one) => one.bytes),
    of('weir_line_bytes_max', 'How many bytes of request bodies there can be.', (one) => one.bytesMax),
    of(
      'weir_line_disk_bytes',
      'Those of weir_line_bytes that are in files; the others are in memory.',
      (one) => one.bytesOnDisk,
    ),
    of(
      'weir_line_oldest_seconds',
      'How long the request at the head of the line has waited.',
      (one) => one.oldestMs / 1000,
    ),
  ];
}

function lanes({ lanes: limits }: Snapshot): Family[] {
  const of = gaugesOf(limits, ({ class: name, limit }) => ({ class: name, limit }));
  return [
    of(
      'weir_lanes',
      'Lanes of narrow limits that are in use in this replica: values, in other words.',
      (one) => one.live,
    ),
    of('weir_lanes_paused', 'Those of them that pause, since the upstream asked for it.', (one) => one.paused),
    of(
      'weir_lane_requests',
      'Requests that are parked in lanes: those of weir_line_requests that hold up nobody.',
      (one) => one.parked,
    ),
  ];
}

function slots(tally: Tally, { buckets }: Snapshot): Family[] {
  const of = gaugesOf(buckets);
  const taken = kinds(tally, 'source', (figures) => figures.slots);
  const charged = narrowSamples(tally, (figures) => figures.charged);
  const used = narrowSamples(tally, (figures) => figures.used);
  const pauses = buckets.flatMap(({ class: name, pausedMs, bulkPausedMs }) => [
    sample(pausedMs / 1_000, { class: name, whose: 'all' }),
    sample(bulkPausedMs / 1_000, { class: name, whose: 'bulk' }),
  ]);
  return [
    counter('weir_slots_total', 'Slots taken from the buckets, by where they came from.', taken),
    counter('weir_tokens_charged_total', 'Tokens of narrow limits that attempts were charged by an estimate.', charged),
    counter('weir_tokens_used_total', 'Those that they used, by what their answers told.', used),
    of('weir_slots_held', 'Slots that this replica has taken and not yet used.', (one) => one.slotsHeld),
    of('weir_buckets_live', 'Buckets of the class that are in use in this replica.', (one) => one.live),
    of(
      'weir_bucket_level',
      'Requests that could be sent now, as this replica heard last; of several buckets the least.',
      (one) => one.level,
    ),
    gauges('weir_pause_seconds', 'Until what pauses goes on: requests of the class, or its bulk.', pauses),
    of('weir_bucket_rate', 'The limit of the class: requests a second, all replicas together.', (one) => one.rate),
    of('weir_bucket_burst', 'The limit of the class: requests at once, all replicas together.', (one) => one.burst),
  ];
}

/** `limit` is named as in the configuration: `also 1`. */
function narrowSamples(tally: Tally, read: (figures: { charged: number; used: number }) => number): Sample[] {
  return [...tally.narrow].map(([bucket, figures]) => {
    const at = bucket.lastIndexOf('~');
    return sample(read(figures), { class: bucket.slice(0, at), limit: `also ${bucket.slice(at + 1)}` });
  });
}

function coreapp(tally: Tally, { lines, permits }: Snapshot): Family[] {
  const answers = ofEach(tally, (figures, name) =>
    [...figures.coreapp.cells()].map(({ status, count }) => sample(count, { class: name, status })),
  );
  const replays = lines.flatMap(({ class: name }) =>
    Object.entries(tally.classes.get(name)?.replays ?? {}).map(([reason, count]) =>
      sample(count, { class: name, reason }),
    ),
  );
  const of = gaugesOf(permits);
  return [
    counter('weir_coreapp_answers_total', 'Answers of the Coreapp, each attempt counted.', answers),
    histograms(
      'weir_coreapp_duration_seconds',
      'Time of one exchange with the Coreapp, each attempt counted.',
      ofEach<Labelled>(tally, ({ coreappDuration }, name) => [[{ class: name }, coreappDuration]]),
    ),
    counter('weir_replays_total', 'Requests sent again, by why the attempt before did not count.', replays),
    counter(
      'weir_alarms_total',
      'Answers of the upstream that paused what is least urgent, or that a rule warns of.',
      lines.map(({ class: name }) => sample(tally.classes.get(name)?.alarms ?? 0, { class: name })),
    ),
    of('weir_permits_in_use', 'Requests in flight at the Coreapp.', (one) => one.inUse),
    of('weir_permits_limit', 'How many requests may be in flight at the Coreapp just now.', (one) => one.limit),
    of('weir_permits_probing', '1: everything of the class is refused, one at a time goes out.', (one) => one.probing),
  ];
}

function refusals(tally: Tally): Family {
  const samples = (Object.keys(refusalTable) as RefusalName[]).map((name) =>
    sample(tally.refusals[name], { refusal: name, blame: refusalTable[name].blame }),
  );
  return counter('weir_refusals_total', 'Refusals by Weir itself, by name and whose doing it was.', samples);
}

function monitoring(tally: Tally): Family {
  const soonestMs = tally.monitoringTokens.soonestMs();
  return gauges(
    'weir_monitoring_token_expiry_timestamp_seconds',
    'When the first token expires of those that lately asked for health, metrics and stats; no sample: none did.',
    soonestMs === null ? [] : [sample(soonestMs / 1000)],
  );
}

function answers({ answers: { waiting, memoryBytes, memoryBytesMax, diskBytes, diskBytesMax } }: Snapshot): Family[] {
  return [
    gauge('weir_answers_waiting', 'Answers that wait for their callers to take them.', waiting),
    gauge('weir_answers_memory_bytes', 'What these take of memory.', memoryBytes),
    gauge('weir_answers_memory_bytes_max', 'How many bytes of memory they can take.', memoryBytesMax),
    gauge('weir_answers_disk_bytes', 'What they take of the disk.', diskBytes),
    gauge('weir_answers_disk_bytes_max', 'How many bytes of the disk they can take.', diskBytesMax),
  ];
}

function disk({ disk: { files, filesMax, bytes, bytesMax } }: Snapshot): Family[] {
  return [
    gauge('weir_disk_files', 'Files with bodies of requests and of answers: a descriptor each.', files),
    gauge('weir_disk_files_max', 'How many there can be.', filesMax),
    gauge('weir_disk_bytes', 'What bodies of requests and of answers take of the disk.', bytes),
    gauge('weir_disk_bytes_max', 'How many bytes of the disk they can take.', bytesMax),
  ];
}

function store({ storeCalls }: Tally, { store: { up, fallback } }: Snapshot): Family[] {
  const calls = [...storeCalls].flatMap(([call, outcomes]) =>
    Object.entries(outcomes).map(([outcome, histogram]): Labelled => [{ call, outcome }, histogram]),
  );
  return [
    gauge('weir_store_up', '1: the store answers, or it is in the process; 0: it is away.', up),
    gauge('weir_store_fallback', '1: this replica goes on alone with its share of the limits.', fallback),
    histograms('weir_store_call_duration_seconds', 'Round trips to the store.', calls),
  ];
}

function configuration({ reloads }: Tally, { config: { hash, loadedAt, restartNeeded, refused } }: Snapshot): Family[] {
  const loadedSeconds = Date.parse(loadedAt) / 1_000;
  const inForce = [sample(1, { hash })];
  return [
    counter(
      'weir_config_reloads_total',
      'How often the configuration was read again, by what came of it.',
      reloadResults.map((result) => sample(reloads[result], { result })),
    ),
    gauges('weir_config_info', 'The configuration in force: always 1, the label is its hash.', inForce),
    gauge('weir_config_loaded_timestamp_seconds', 'When the configuration in force was loaded.', loadedSeconds),
    gauge('weir_config_last_reload_refused', '1: the configuration that was read last has problems.', refused !== null),
    gauge('weir_config_restart_needed', 'How many changed settings wait for a restart.', restartNeeded.length),
  ];
}

function spans({ spanCounts }: Tally): Family {
  const samples = spanOutcomes.map((outcome) => sample(spanCounts[outcome], { outcome }));
  return counter('weir_spans_total', 'Spans of traces, by what became of them.', samples);
}

function log({ log: { leftOut } }: Snapshot): Family {
  const samples = Object.entries(leftOut).map(([reason, lines]) => sample(lines, { reason }));
  return counter('weir_log_lines_left_out_total', 'Lines that are missing from the log, by why.', samples);
}

function replica(snapshot: Snapshot, { version, node }: Build): Family[] {
  const runs = [sample(1, { version, node })];
  return [
    gauge('weir_connections', 'Open connections of callers.', snapshot.connections),
    gauge('weir_ready', '1: /readyz says yes.', snapshot.ready),
    ...workers(snapshot),
    gauges('weir_build_info', 'What runs: always 1, the versions are the labels.', runs),
  ];
}

/** Without workers the process is the only one, and nothing restarts it but its own orchestrator. */
function workers({ workers, ready }: Snapshot): Family[] {
  const serving = workers?.each.filter(({ state }) => state === 'serving').length ?? Number(ready);
  const restarts = [sample(workers?.each.reduce((sum, one) => sum + one.restarts, 0) ?? 0)];
  const lost = [sample(workers?.requestsLost ?? 0)];
  return [
    gauge('weir_workers', 'How many processes are to serve: the setting workers.', workers?.count ?? 1),
    gauge('weir_workers_serving', 'How many do.', serving),
    counter('weir_worker_restarts_total', 'Workers that were started again since they had ended.', restarts),
    counter('weir_worker_requests_lost_total', 'Requests that were open in workers when these died.', lost),
  ];
}
