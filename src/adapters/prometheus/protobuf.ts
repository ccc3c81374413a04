/**
 * Families as Prometheus's protocol buffers: `io.prometheus.client.MetricFamily`, each behind its length. It is the one
 * format that has native histograms. Weir writes a few kinds of fields only, so no package is needed for that.
 */
import type { Exemplar, Family, Labels, NativeBuckets, Sample } from '../../observe/family.ts';

const typeNumbers = { counter: 0, gauge: 1, summary: 2, histogram: 4 } as const;

/**
 * Fields (protobuf.dev/programming-guides/encoding) as Latin-1 texts, a character for each byte: a message is its fields
 * one behind the other. Those with their default may be left out.
 */
function integer(field: number, value: number): string {
  return varint(field << 3) + varint(value);
}

function double(field: number, value: number): string {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return varint((field << 3) | 1) + bytes.toString('latin1');
}

/** @param message or any other bytes */
function inner(field: number, message: string): string {
  return varint((field << 3) | 2) + sized(message);
}

const text = (field: number, value: string): string => inner(field, Buffer.from(value).toString('latin1'));

const sized = (bytes: string): string => varint(bytes.length) + bytes;

/** A whole number that is not negative, seven bits a byte, the lowest first. */
function varint(value: number): string {
  let bytes = '';
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += String.fromCharCode((rest % 0x80) | 0x80);
  return bytes + String.fromCharCode(rest);
}

/** A signed integer takes few bytes if it is small, whatever its sign. */
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

export function protobufOf(families: readonly Family[]): Buffer {
  const shown = families.filter(({ values }) => values.length > 0);
  return Buffer.from(shown.map((family) => sized(familyMessage(family))).join(''), 'latin1');
}

function familyMessage(family: Family): string {
  const isPlain = family.type === 'counter' || family.type === 'gauge';
  const metrics = isPlain ? family.values.map((one) => plain(family, one)) : grouped(family);
  const head = text(1, family.name) + text(2, family.help) + integer(3, typeNumbers[family.type]);
  return head + metrics.map((metric) => inner(4, metric)).join('');
}

function plain({ type }: Family, { labels, value }: Sample): string {
  return labelled(labels) + inner(type === 'counter' ? 3 : 2, double(1, value));
}

function labelled(labels: Labels = {}): string {
  return Object.entries(labels)
    .map(([name, value]) => inner(1, text(1, name) + text(2, String(value))))
    .join('');
}

/** The label that tells the samples of one histogram, or one summary, from each other. */
const bound = { histogram: 'le', summary: 'quantile' } as const;

/** The samples of each histogram or summary, brought together by their other labels. */
function grouped(family: Family): string[] {
  const { name, type, values } = family as Family & { readonly type: keyof typeof bound };
  const groups = new Map<string, { readonly labels: Labels; readonly samples: Sample[] }>();
  for (const one of values) {
    const labels = Object.fromEntries(Object.entries(one.labels ?? {}).filter(([label]) => label !== bound[type]));
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? { labels, samples: [] };
    group.samples.push(one);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ labels, samples }) =>
    type === 'histogram'
      ? labelled(labels) + inner(7, histogram(name, samples))
      : labelled(labels) + inner(4, summary(name, samples)),
  );
}

function summary(name: string, samples: readonly Sample[]): string {
  const quantiles = samples.map(({ labels, value }) => {
    const quantile = labels?.['quantile'];
    return quantile === undefined ? '' : inner(3, double(1, Number(quantile)) + double(2, value));
  });
  return totals(name, samples) + quantiles.join('');
}

function totals(name: string, samples: readonly Sample[]): string {
  const total = (suffix: string): number => samples.find((one) => one.metricName === name + suffix)?.value ?? 0;
  return integer(1, total('_count')) + double(2, total('_sum'));
}

function histogram(name: string, samples: readonly Sample[]): string {
  const buckets = samples.map(({ labels, value, exemplar }) => {
    const le = labels?.['le'];
    if (le === undefined) return '';
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    const seen = exemplar === undefined ? '' : inner(3, exemplarMessage(exemplar));
    return inner(3, integer(1, value) + double(2, bound) + seen);
  });
  const native = samples.find((one) => one.native !== undefined)?.native;
  return totals(name, samples) + buckets.join('') + (native === undefined ? '' : nativeFields(native));
}

function exemplarMessage({ labelSet, value, timestamp }: Exemplar): string {
  const seconds = Math.floor(timestamp);
  const at = integer(1, seconds) + integer(2, Math.floor((timestamp - seconds) * 1e9));
  return labelled(labelSet) + double(2, value) + inner(3, at);
}

/** Buckets as spans of neighbours; each count as its difference from the one before. */
function nativeFields({ schema, zeroThreshold, zeroCount, buckets }: NativeBuckets): string {
  const spans: { readonly offset: number; length: number }[] = [];
  let deltas = '';
  let next = 0;
  let before = 0;
  for (const [index, count] of buckets) {
    const last = spans.at(-1);
    if (last !== undefined && index === next) last.length += 1;
    else spans.push({ offset: index - next, length: 1 });
    deltas += varint(zigzag(count - before));
    next = index + 1;
    before = count;
  }
  // A histogram whose values are all 0 has no bucket: a span without any tells it from one that is not native.
  if (spans.length === 0) spans.push({ offset: 0, length: 0 });
  const about = integer(5, zigzag(schema)) + double(6, zeroThreshold) + integer(7, zeroCount);
  const shown = spans.map(({ offset, length }) => inner(12, integer(1, zigzag(offset)) + integer(2, length)));
  return about + shown.join('') + inner(13, deltas);
}
