/**
 * Weir's own metrics, all of them: names, help and where each value is read. `docs/reference/metrics.md` explains them,
 * and `test/spec/ops.test.ts` holds the two lists against each other.
 *
 * Labels are closed sets (endpoint class, method, status, outcome, …); a caller's name is never one.
 */
import { type RefusalName, refusalTable } from '../../exchange/refusals.ts';
import { type Family, type Sample, sample } from '../../observe/family.ts';
import { reloadResults, spanOutcomes } from '../../observe/ports.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
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

type Read = (name: string) => readonly Sample[];

function family(type: Family['type'], name: string, help: string, read: Read): Family {
  return { name, type, help, values: read(name) };
}

/** One sample, without labels. */
function gauge(name: string, help: string, value: number | boolean): Family {
  return { name, type: 'gauge', help, values: [sample(Number(value))] };
}

function ofEach(tally: Tally, read: (figures: ClassTally, name: string) => Sample[]): Sample[] {
  return [...tally.classes].flatMap(([name, figures]) => read(figures, name));
}

function requests(tally: Tally): Family[] {
  return [
    family('counter', 'weir_requests_total', 'Requests answered, by endpoint class, method and status.', () =>
      ofEach(tally, (figures, name) =>
        [...figures.answers].flatMap(([method, answers]) =>
          [...answers.cells()].map(({ status, count }) => sample(count, { class: name, method, status })),
        ),
      ),
    ),
    family(
      'histogram',
      'weir_request_duration_seconds',
      'Time from the head of a request to the end of its answer, time in line included.',
      (metric) => ofEach(tally, (figures, name) => histogramSamples(metric, { class: name }, figures.duration)),
    ),
    cuts(tally),
  ];
}

function cuts(tally: Tally): Family {
  return family('counter', 'weir_answers_cut_total', 'Answers that Weir cut off, by class and cause.', () =>
    ofEach(tally, (figures, name) =>
      Object.entries(figures.cuts)
        .filter(([, count]) => count > 0)
        .map(([cause, count]) => sample(count, { class: name, cause })),
    ),
  );
}

function line(tally: Tally, snapshot: Snapshot): Family[] {
  const { lines } = snapshot;
  return [
    family('histogram', 'weir_hold_seconds', 'Time of one stay in line, by how it ended.', (metric) =>
      ofEach(tally, (figures, name) =>
        Object.entries(figures.holds).flatMap(([outcome, histogram]) =>
          histogramSamples(metric, { class: name, outcome }, histogram),
        ),
      ),
    ),
    family('gauge', 'weir_line_requests', 'Requests that wait in line.', () =>
      lines.map((one) => sample(one.requests, { class: one.class })),
    ),
    family('gauge', 'weir_line_requests_max', 'How many requests can wait in line.', () =>
      lines.map((one) => sample(one.requestsMax, { class: one.class })),
    ),
    family('gauge', 'weir_line_callers', 'Principals that wait in line.', () =>
      lines.map((one) => sample(one.callers, { class: one.class })),
    ),
    family('gauge', 'weir_line_bytes', 'Bytes of request bodies: being read, waiting in line, in flight.', () =>
      lines.map((one) => sample(one.bytes, { class: one.class })),
    ),
    family('gauge', 'weir_line_bytes_max', 'How many bytes of request bodies there can be.', () =>
      lines.map((one) => sample(one.bytesMax, { class: one.class })),
    ),
    family(
      'gauge',
      'weir_line_disk_bytes',
      'Those of weir_line_bytes that are in files; the others are in memory.',
      () => lines.map((one) => sample(one.bytesOnDisk, { class: one.class })),
    ),
    family('gauge', 'weir_line_oldest_seconds', 'How long the request at the head of the line has waited.', () =>
      lines.map((one) => sample(one.oldestMs / 1000, { class: one.class })),
    ),
  ];
}

function lanes({ lanes: limits }: Snapshot): Family[] {
  return [
    family(
      'gauge',
      'weir_lanes',
      'Lanes of narrow limits that are in use in this replica: values, in other words.',
      () => limits.map(({ class: name, limit, live }) => sample(live, { class: name, limit })),
    ),
    family('gauge', 'weir_lanes_paused', 'Those of them that pause, since the upstream asked for it.', () =>
      limits.map(({ class: name, limit, paused }) => sample(paused, { class: name, limit })),
    ),
    family(
      'gauge',
      'weir_lane_requests',
      'Requests that are parked in lanes: those of weir_line_requests that hold up nobody.',
      () => limits.map(({ class: name, limit, parked }) => sample(parked, { class: name, limit })),
    ),
  ];
}

function slots(tally: Tally, snapshot: Snapshot): Family[] {
  const { buckets } = snapshot;
  return [
    family('counter', 'weir_slots_total', 'Slots taken from the buckets, by where they came from.', () =>
      ofEach(tally, (figures, name) =>
        Object.entries(figures.slots)
          .filter(([, count]) => count > 0)
          .map(([source, count]) => sample(count, { class: name, source })),
      ),
    ),
    family(
      'counter',
      'weir_tokens_charged_total',
      'Tokens of narrow limits that attempts were charged by an estimate.',
      () => narrowSamples(tally, ({ charged }) => charged),
    ),
    family('counter', 'weir_tokens_used_total', 'Those that they used, by what their answers told.', () =>
      narrowSamples(tally, ({ used }) => used),
    ),
    family('gauge', 'weir_slots_held', 'Slots that this replica has taken and not yet used.', () =>
      buckets.map((one) => sample(one.slotsHeld, { class: one.class })),
    ),
    family('gauge', 'weir_buckets_live', 'Buckets of the class that are in use in this replica.', () =>
      buckets.map((one) => sample(one.live, { class: one.class })),
    ),
    family(
      'gauge',
      'weir_bucket_level',
      'Requests that could be sent now, as this replica heard last; of several buckets the least.',
      () => buckets.map((one) => sample(one.level, { class: one.class })),
    ),
    family('gauge', 'weir_pause_seconds', 'Until what pauses goes on: requests of the class, or its bulk.', () =>
      buckets.flatMap(({ class: name, pausedMs, bulkPausedMs }) => [
        sample(pausedMs / 1_000, { class: name, whose: 'all' }),
        sample(bulkPausedMs / 1_000, { class: name, whose: 'bulk' }),
      ]),
    ),
    family('gauge', 'weir_bucket_rate', 'The limit of the class: requests a second, all replicas together.', () =>
      buckets.map((one) => sample(one.rate, { class: one.class })),
    ),
    family('gauge', 'weir_bucket_burst', 'The limit of the class: requests at once, all replicas together.', () =>
      buckets.map((one) => sample(one.burst, { class: one.class })),
    ),
  ];
}

/** `limit` is named as in the configuration: `also 1`. */
function narrowSamples(tally: Tally, read: (figures: { charged: number; used: number }) => number): Sample[] {
  return [...tally.narrow].map(([bucket, figures]) => {
    const at = bucket.lastIndexOf('~');
    return sample(read(figures), { class: bucket.slice(0, at), limit: `also ${bucket.slice(at + 1)}` });
  });
}

function coreapp(tally: Tally, snapshot: Snapshot): Family[] {
  return [
    family('counter', 'weir_coreapp_answers_total', 'Answers of the Coreapp, each attempt counted.', () =>
      ofEach(tally, (figures, name) =>
        [...figures.coreapp.cells()].map(({ status, count }) => sample(count, { class: name, status })),
      ),
    ),
    family(
      'histogram',
      'weir_coreapp_duration_seconds',
      'Time of one exchange with the Coreapp, each attempt counted.',
      (metric) => ofEach(tally, (figures, name) => histogramSamples(metric, { class: name }, figures.coreappDuration)),
    ),
    family('counter', 'weir_replays_total', 'Requests sent again, by why the attempt before did not count.', () =>
      snapshot.lines.flatMap(({ class: name }) =>
        Object.entries(tally.classes.get(name)?.replays ?? {}).map(([reason, count]) =>
          sample(count, { class: name, reason }),
        ),
      ),
    ),
    family(
      'counter',
      'weir_alarms_total',
      'Answers of the upstream that paused what is least urgent, or that a rule warns of.',
      () => snapshot.lines.map(({ class: name }) => sample(tally.classes.get(name)?.alarms ?? 0, { class: name })),
    ),
    family('gauge', 'weir_permits_in_use', 'Requests in flight at the Coreapp.', () =>
      snapshot.permits.map(({ class: name, inUse }) => sample(inUse, { class: name })),
    ),
    family('gauge', 'weir_permits_limit', 'How many requests may be in flight at the Coreapp just now.', () =>
      snapshot.permits.map(({ class: name, limit }) => sample(limit, { class: name })),
    ),
    family('gauge', 'weir_permits_probing', '1: everything of the class is refused, one at a time goes out.', () =>
      snapshot.permits.map(({ class: name, probing }) => sample(Number(probing), { class: name })),
    ),
  ];
}

function refusals(tally: Tally): Family[] {
  return [
    family('counter', 'weir_refusals_total', 'Refusals by Weir itself, by name and whose doing it was.', () =>
      (Object.keys(refusalTable) as RefusalName[]).map((name) =>
        sample(tally.refusals[name], { refusal: name, blame: refusalTable[name].blame }),
      ),
    ),
  ];
}

function monitoring(tally: Tally): Family[] {
  return [
    family(
      'gauge',
      'weir_monitoring_token_expiry_timestamp_seconds',
      'When the first token expires of those that lately asked for health, metrics and stats; no sample: none did.',
      () => {
        const soonestMs = tally.monitoringTokens.soonestMs();
        return soonestMs === null ? [] : [sample(soonestMs / 1000)];
      },
    ),
  ];
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
  return [
    gauge('weir_store_up', '1: the store answers, or it is in the process; 0: it is away.', up),
    gauge('weir_store_fallback', '1: this replica goes on alone with its share of the limits.', fallback),
    family('histogram', 'weir_store_call_duration_seconds', 'Round trips to the store.', (metric) =>
      [...storeCalls].flatMap(([call, outcomes]) =>
        Object.entries(outcomes).flatMap(([outcome, histogram]) =>
          histogramSamples(metric, { call, outcome }, histogram),
        ),
      ),
    ),
  ];
}

function configuration({ reloads }: Tally, { config: { hash, loadedAt, restartNeeded, refused } }: Snapshot): Family[] {
  const loadedSeconds = Date.parse(loadedAt) / 1_000;
  return [
    family(
      'counter',
      'weir_config_reloads_total',
      'How often the configuration was read again, by what came of it.',
      () => reloadResults.map((result) => sample(reloads[result], { result })),
    ),
    family('gauge', 'weir_config_info', 'The configuration in force: always 1, the label is its hash.', () => [
      sample(1, { hash }),
    ]),
    gauge('weir_config_loaded_timestamp_seconds', 'When the configuration in force was loaded.', loadedSeconds),
    gauge('weir_config_last_reload_refused', '1: the configuration that was read last has problems.', refused !== null),
    gauge('weir_config_restart_needed', 'How many changed settings wait for a restart.', restartNeeded.length),
  ];
}

function spans({ spanCounts }: Tally): Family[] {
  return [
    family('counter', 'weir_spans_total', 'Spans of traces, by what became of them.', () =>
      spanOutcomes.map((outcome) => sample(spanCounts[outcome], { outcome })),
    ),
  ];
}

function log({ log: { leftOut } }: Snapshot): Family[] {
  return [
    family('counter', 'weir_log_lines_left_out_total', 'Lines that are missing from the log, by why.', () =>
      Object.entries(leftOut).map(([reason, lines]) => sample(lines, { reason })),
    ),
  ];
}

function replica(snapshot: Snapshot, build: Build): Family[] {
  return [
    gauge('weir_connections', 'Open connections of callers.', snapshot.connections),
    gauge('weir_ready', '1: /readyz says yes.', snapshot.ready),
    ...workers(snapshot),
    family('gauge', 'weir_build_info', 'What runs: always 1, the versions are the labels.', () => [
      sample(1, { version: build.version, node: build.node }),
    ]),
  ];
}

/** Without workers the process is the only one, and nothing restarts it but its own orchestrator. */
function workers({ workers, ready }: Snapshot): Family[] {
  const serving = workers?.each.filter(({ state }) => state === 'serving').length ?? Number(ready);
  const restarts = workers?.each.reduce((sum, one) => sum + one.restarts, 0) ?? 0;
  return [
    gauge('weir_workers', 'How many processes are to serve: the setting workers.', workers?.count ?? 1),
    gauge('weir_workers_serving', 'How many do.', serving),
    family('counter', 'weir_worker_restarts_total', 'Workers that were started again since they had ended.', () => [
      sample(restarts),
    ]),
    family('counter', 'weir_worker_requests_lost_total', 'Requests that were open in workers when these died.', () => [
      sample(workers?.requestsLost ?? 0),
    ]),
  ];
}
