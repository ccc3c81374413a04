/**
 * A scrape in protocol buffers, read by protobufjs: its definitions are those of `io.prometheus.client`
 * (github.com/prometheus/client_model), as far as Weir has a use for them.
 */
import protobuf from 'protobufjs';

const definitions = `
syntax = "proto3";
package io.prometheus.client;
message Stamp { int64 seconds = 1; int32 nanos = 2; }
message LabelPair { string name = 1; string value = 2; }
enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; }
message Gauge { double value = 1; }
message Counter { double value = 1; }
message Quantile { double quantile = 1; double value = 2; }
message Summary { uint64 sample_count = 1; double sample_sum = 2; repeated Quantile quantile = 3; }
message Exemplar { repeated LabelPair label = 1; double value = 2; Stamp timestamp = 3; }
message Bucket { uint64 cumulative_count = 1; double upper_bound = 2; Exemplar exemplar = 3; }
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
message Histogram {
  uint64 sample_count = 1; double sample_sum = 2; repeated Bucket bucket = 3;
  sint32 schema = 5; double zero_threshold = 6; uint64 zero_count = 7;
  repeated BucketSpan positive_span = 12; repeated sint64 positive_delta = 13;
}
message Metric {
  repeated LabelPair label = 1; Gauge gauge = 2; Counter counter = 3; Summary summary = 4; Histogram histogram = 7;
}
message MetricFamily { string name = 1; string help = 2; MetricType type = 3; repeated Metric metric = 4; }
`;

const type = protobuf.parse(definitions, { keepCase: true }).root.lookupType('io.prometheus.client.MetricFamily');

export interface HistogramRead {
  readonly sample_count: number;
  readonly sample_sum: number;
  readonly bucket: readonly {
    readonly cumulative_count: number;
    readonly upper_bound: number;
    readonly exemplar?: { readonly label: readonly Pair[]; readonly value: number } | null;
  }[];
  readonly schema: number;
  readonly zero_threshold: number;
  readonly zero_count: number;
  readonly positive_span: readonly { readonly offset: number; readonly length: number }[];
  readonly positive_delta: readonly number[];
}

interface Pair {
  readonly name: string;
  readonly value: string;
}

interface MetricRead {
  readonly label: readonly Pair[];
  readonly gauge?: { readonly value: number } | null;
  readonly counter?: { readonly value: number } | null;
  readonly histogram?: HistogramRead | null;
}

interface FamilyRead {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metric: readonly MetricRead[];
}

/** The families of a scrape, by their names. */
export function readFamilies(body: Buffer): ReadonlyMap<string, FamilyRead> {
  const reader = protobuf.Reader.create(body);
  const families = new Map<string, FamilyRead>();
  while (reader.pos < reader.len) {
    const family = type.toObject(type.decodeDelimited(reader), { longs: Number, enums: String, defaults: true });
    families.set(family['name'], family as FamilyRead);
  }
  return families;
}

/** What the native buckets count, by their index. */
export function nativeCounts({ positive_span, positive_delta }: HistogramRead): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  let index = 0;
  let count = 0;
  let at = 0;
  for (const { offset, length } of positive_span) {
    index += offset;
    for (let i = 0; i < length; i++) {
      count += positive_delta[at++] as number;
      counts.set(index++, count);
    }
  }
  return counts;
}
