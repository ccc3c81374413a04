/**
 * Spans as OTLP's protocol buffers (opentelemetry.io/docs/specs/otlp), the bytes that `@opentelemetry/otlp-transformer`
 * makes of them. That takes objects which live until a batch is sent: they and the encoder cost three times as much for
 * each span that is recorded (docs/decisions/0031). Here a span is bytes as soon as its request has ended.
 *
 * Bytes are built as Latin-1 texts, a character each: joining them is what an engine does best.
 */
import type { Span, SpanAttributes } from '../../observe/spans.ts';

/** Field numbers with their wire types (opentelemetry/proto/trace/v1/trace.proto, common.proto, resource.proto). */
const tag = {
  request: { resourceSpans: '\x0a' },
  resourceSpans: { resource: '\x0a', scopeSpans: '\x12' },
  scopeSpans: { scope: '\x0a', span: '\x12' },
  span: {
    traceId: '\x0a\x10',
    spanId: '\x12\x08',
    traceState: '\x1a',
    parentId: '\x22\x08',
    name: '\x2a',
    kind: '\x30',
    start: '\x39',
    end: '\x41',
    attribute: '\x4a',
    droppedAttributes: '\x50',
    event: '\x5a',
    droppedEvents: '\x60',
    droppedLinks: '\x70',
    status: '\x7a',
    flags: '\x85\x01',
  },
  event: { time: '\x09', name: '\x12', droppedAttributes: '\x20' },
  keyValue: { key: '\x0a', value: '\x12' },
  value: { text: '\x0a', int: '\x18' },
  resource: { attribute: '\x0a', droppedAttributes: '\x10' },
  scope: { name: '\x0a', version: '\x12' },
} as const;

const zero = '\x00';
const kinds = { internal: '\x01', server: '\x02', client: '\x03' } as const;
/** Status messages: not set, and an error. */
const unset = '\x02\x18\x00';
const failed = '\x02\x18\x02';
/** That `flags` says where the parent is, and that it is remote (trace.proto, SpanFlags). */
const saysParent = '\x01\x00\x00';
const parentIsRemote = '\x03\x00\x00';

const eightBytes = Buffer.allocUnsafeSlow(8);
const sixteenBytes = Buffer.allocUnsafeSlow(16);

/** The part of an export that says who sends the spans, and stands in front of them. */
export class Sender {
  readonly #resource: string;
  readonly #scope: string;

  constructor(resource: SpanAttributes, version: string) {
    const attributes = attributesOf(resource, tag.resource.attribute);
    this.#resource = tag.resourceSpans.resource + sized(attributes + tag.resource.droppedAttributes + zero);
    const scope = tag.scope.name + sized('weir') + tag.scope.version + sized(version);
    this.#scope = tag.scopeSpans.scope + sized(scope);
  }

  /** An `ExportTraceServiceRequest` of spans, each as `spanField` gives it. */
  request(spans: Buffer): Buffer {
    const scopeSpans = varint(this.#scope.length + spans.length);
    const inner = this.#resource + tag.resourceSpans.scopeSpans + scopeSpans + this.#scope;
    const head = tag.request.resourceSpans + varint(inner.length + spans.length) + inner;
    return Buffer.concat([Buffer.from(head, 'latin1'), spans]);
  }
}

/** A span as the field of the message that it stands in, Latin-1. */
export function spanField(span: Span): string {
  const { traceId, spanId, parentId, state, flags } = span;
  let bytes = tag.span.traceId + hexBytes(traceId, sixteenBytes) + tag.span.spanId + hexBytes(spanId, eightBytes);
  if (state !== '') bytes += tag.span.traceState + sized(utf8(state));
  if (parentId !== null) bytes += tag.span.parentId + hexBytes(parentId, eightBytes);
  bytes += tag.span.name + sized(utf8(span.name)) + tag.span.kind + kinds[span.kind];
  bytes += tag.span.start + nanoseconds(span.startMs) + tag.span.end + nanoseconds(span.endMs);
  bytes += attributesOf(span.attributes, tag.span.attribute) + tag.span.droppedAttributes + zero;
  for (const { name, atMs } of span.events) {
    const event = tag.event.time + nanoseconds(atMs) + tag.event.name + sized(utf8(name));
    bytes += tag.span.event + sized(event + tag.event.droppedAttributes + zero);
  }
  bytes += tag.span.droppedEvents + zero + tag.span.droppedLinks + zero;
  bytes += tag.span.status + (span.failed ? failed : unset);
  const isRemote = parentId !== null && span.parentIsRemote;
  bytes += tag.span.flags + String.fromCharCode(flags) + (isRemote ? parentIsRemote : saysParent);
  return tag.scopeSpans.span + sized(bytes);
}

interface Named {
  readonly key: string;
  /** The value that the attribute had last, and both as bytes: most are what they were before. */
  value: string | number;
  bytes: string;
}

/** By the few names that there are. */
const known = new Map<string, Named>();

function attributesOf(attributes: SpanAttributes, field: string): string {
  let bytes = '';
  for (let i = 0; i < attributes.length; i += 2) {
    bytes += field + attributeOf(attributes[i] as string, attributes[i + 1] as string | number);
  }
  return bytes;
}

function attributeOf(name: string, value: string | number): string {
  let named = known.get(name);
  if (named === undefined) {
    named = { key: tag.keyValue.key + sized(utf8(name)) + tag.keyValue.value, value: '', bytes: '' };
    known.set(name, named);
  } else if (named.value === value) {
    return named.bytes;
  }
  const any = typeof value === 'number' ? tag.value.int + varint(value) : tag.value.text + sized(utf8(value));
  named.value = value;
  named.bytes = sized(named.key + sized(any));
  return named.bytes;
}

/** With its length in front. */
const sized = (bytes: string): string => varint(bytes.length) + bytes;

/** A whole number that is not negative, seven bits a byte, the lowest first. */
function varint(value: number): string {
  if (value < 0x80) return String.fromCharCode(value);
  let bytes = '';
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += String.fromCharCode((rest % 0x80) | 0x80);
  return bytes + String.fromCharCode(rest);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is its own UTF-8.
const ascii = /^[\x00-\x7f]*$/;

const utf8 = (text: string): string => (ascii.test(text) ? text : Buffer.from(text).toString('latin1'));

/** @param into as large as the id */
function hexBytes(id: string, into: Buffer): string {
  into.write(id, 'hex');
  return into.toString('latin1');
}

/** Since 1970-01-01 UTC, of milliseconds. */
function nanoseconds(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  eightBytes.writeBigUInt64LE(BigInt(seconds) * 1_000_000_000n + BigInt(Math.floor((ms - seconds * 1_000) * 1e6)));
  return eightBytes.toString('latin1');
}
