/**
 * Families as Prometheus's protocol buffers: `io.prometheus.client.MetricFamily`, each behind its length. It is the one
 * format that has native histograms. Weir writes a few kinds of fields only, so no package is needed for that.
 */
import type { Exemplar, Family, Labels, NativeBuckets, Sample } from '../../observe/family.ts';

/** How a field's value is written (protobuf.dev/programming-guides/encoding). */
const wire = { varint: 0, double: 1, bytes: 2 } as const;
const typeNumbers = { counter: 0, gauge: 1, summary: 2, histogram: 4 } as const;

/** A message that is written. Fields with their default may be left out. */
class Message {
  readonly #parts: Buffer[] = [];

  varint(field: number, value: number | bigint): this {
    this.#parts.push(varint((field << 3) | wire.varint), varint(value));
    return this;
  }

  /** A signed integer in zigzag form: a small one takes few bytes, whatever its sign. */
  signed(field: number, value: number): this {
    return this.varint(field, zigzag(value));
  }

  double(field: number, value: number): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(varint((field << 3) | wire.double), bytes);
    return this;
  }

  bytes(field: number, value: Buffer | string | Message): this {
    const bytes = value instanceof Message ? value.written : Buffer.from(value);
    this.#parts.push(varint((field << 3) | wire.bytes), varint(bytes.length), bytes);
    return this;
  }

  get written(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number | bigint): Buffer {
  let rest = BigInt(value);
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function zigzag(value: number): bigint {
  return value < 0 ? BigInt(-value) * 2n - 1n : BigInt(value) * 2n;
}

export function protobufOf(families: readonly Family[]): Buffer {
  return Buffer.concat(
    families
      .filter(({ values }) => values.length > 0)
      .map((family) => {
        const { written } = familyMessage(family);
        return Buffer.concat([varint(written.length), written]);
      }),
  );
}

function familyMessage(family: Family): Message {
  const message = new Message().bytes(1, family.name).bytes(2, family.help).varint(3, typeNumbers[family.type]);
  const isPlain = family.type === 'counter' || family.type === 'gauge';
  for (const metric of isPlain ? family.values.map((one) => plain(family, one)) : grouped(family)) {
    message.bytes(4, metric);
  }
  return message;
}

function plain({ type }: Family, { labels, value }: Sample): Message {
  return labelled(labels).bytes(type === 'counter' ? 3 : 2, new Message().double(1, value));
}

function labelled(labels: Labels = {}): Message {
  const message = new Message();
  for (const [name, value] of Object.entries(labels)) message.bytes(1, pair(name, String(value)));
  return message;
}

const pair = (name: string, value: string): Message => new Message().bytes(1, name).bytes(2, value);

/** The label that tells the samples of one histogram, or one summary, from each other. */
const bound = { histogram: 'le', summary: 'quantile' } as const;

/** The samples of each histogram or summary, brought together by their other labels. */
function grouped(family: Family): Message[] {
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
      ? labelled(labels).bytes(7, histogram(name, samples))
      : labelled(labels).bytes(4, summary(name, samples)),
  );
}

function summary(name: string, samples: readonly Sample[]): Message {
  const message = totals(name, samples);
  for (const { labels, value } of samples) {
    const quantile = labels?.['quantile'];
    if (quantile !== undefined) message.bytes(3, new Message().double(1, Number(quantile)).double(2, value));
  }
  return message;
}

function totals(name: string, samples: readonly Sample[]): Message {
  const total = (suffix: string): number => samples.find((one) => one.metricName === name + suffix)?.value ?? 0;
  return new Message().varint(1, total('_count')).double(2, total('_sum'));
}

function histogram(name: string, samples: readonly Sample[]): Message {
  const message = totals(name, samples);
  for (const { labels, value, exemplar } of samples) {
    const le = labels?.['le'];
    if (le === undefined) continue;
    const bucket = new Message().varint(1, value).double(2, le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le));
    if (exemplar !== undefined) bucket.bytes(3, exemplarMessage(exemplar));
    message.bytes(3, bucket);
  }
  const native = samples.find((one) => one.native !== undefined)?.native;
  if (native !== undefined) addNative(message, native);
  return message;
}

function exemplarMessage({ labelSet, value, timestamp }: Exemplar): Message {
  const message = new Message();
  for (const [name, text] of Object.entries(labelSet)) message.bytes(1, pair(name, text));
  const seconds = Math.floor(timestamp);
  const at = new Message().varint(1, seconds).varint(2, Math.floor((timestamp - seconds) * 1e9));
  return message.double(2, value).bytes(3, at);
}

/** Buckets as spans of neighbours; each count as its difference from the one before. */
function addNative(message: Message, { schema, zeroThreshold, zeroCount, buckets }: NativeBuckets): void {
  message.signed(5, schema).double(6, zeroThreshold).varint(7, zeroCount);
  const spans: { readonly offset: number; length: number }[] = [];
  const deltas: Buffer[] = [];
  let next = 0;
  let before = 0;
  for (const [index, count] of buckets) {
    const last = spans.at(-1);
    if (last !== undefined && index === next) last.length += 1;
    else spans.push({ offset: index - next, length: 1 });
    deltas.push(varint(zigzag(count - before)));
    next = index + 1;
    before = count;
  }
  // A histogram whose values are all 0 has no bucket: a span without any tells it from one that is not native.
  if (spans.length === 0) spans.push({ offset: 0, length: 0 });
  for (const { offset, length } of spans) message.bytes(12, new Message().signed(1, offset).varint(2, length));
  message.bytes(13, Buffer.concat(deltas));
}
