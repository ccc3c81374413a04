/** The bytes of spans: those that OpenTelemetry's own serializer makes of the same spans. */
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { TraceState } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sender, spanField } from '../../src/adapters/otel/span-bytes.ts';
import type { Span, SpanAttributes } from '../../src/observe/spans.ts';

/** A span in the form that OpenTelemetry's packages take. */
type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];

function pairs(attributes: SpanAttributes): Record<string, string | number> {
  const names = attributes.filter((_, i) => i % 2 === 0);
  return Object.fromEntries(names.map((name, i) => [name, attributes[2 * i + 1] as string | number]));
}

function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1e6)];
}

const kinds = { server: SpanKind.SERVER, internal: SpanKind.INTERNAL, client: SpanKind.CLIENT } as const;

function readable(span: Span, resource: SpanAttributes): ReadableSpan {
  const { traceId, flags: traceFlags, state } = span;
  const common = { traceId, traceFlags, ...(state !== '' && { traceState: new TraceState(state) }) };
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => ({ ...common, spanId: span.spanId }),
    ...(span.parentId !== null && {
      parentSpanContext: { ...common, spanId: span.parentId, isRemote: span.parentIsRemote },
    }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: pairs(span.attributes),
    links: [],
    events: span.events.map(({ name, atMs }) => ({ name, time: hrTime(atMs) })),
    ended: true,
    resource: resourceFromAttributes(pairs(resource)),
    instrumentationScope: { name: 'weir', version: '1.2.3' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
/** Of all of Unicode, halves of characters included, and long enough for a length of two and three bytes. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', 'é', '\ud800', 'x'.repeat(127), 'x'.repeat(128), 'ü'.repeat(1_024), 'x'.repeat(20_000)),
);
const number = fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 32, Number.MAX_SAFE_INTEGER));
// None without a name, and none like a number, which would come first in an object.
const attributes = fc
  .uniqueArray(fc.tuple(text, fc.oneof(text, number)), { maxLength: 20, selector: ([name]) => name })
  .map((list): SpanAttributes => list.filter(([name]) => !/^\d*$|^__proto__$/.test(name)).flat());
const ms = fc.double({ min: 0, max: 4e12, noNaN: true });

const span: fc.Arbitrary<Span> = fc.record({
  kind: fc.constantFrom('server', 'internal', 'client'),
  name: text,
  traceId: hex(32),
  spanId: hex(16),
  parentId: fc.option(hex(16)),
  parentIsRemote: fc.boolean(),
  flags: fc.constantFrom(1, 3),
  state: fc.constantFrom('', 'vendor=a', 'a=1,b=2'),
  startMs: ms,
  endMs: ms,
  attributes,
  events: fc.array(fc.record({ name: text, atMs: ms }), { maxLength: 3 }),
  failed: fc.boolean(),
});

describe('a batch of spans', () => {
  it('is, byte by byte, what the serializer of OpenTelemetry makes of it', () => {
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 4 }), attributes, (some, resource) => {
        // Most attributes of a request are those of the one before.
        const spans = [...some, ...some];
        const bytes = new Sender(resource, '1.2.3').request(Buffer.from(spans.map(spanField).join(''), 'latin1'));
        const [first, ...others] = spans.map((one) => readable(one, resource)) as [ReadableSpan, ...ReadableSpan[]];
        // They belong together where they have one and the same resource and scope.
        const { resource: same, instrumentationScope } = first;
        const together = [first, ...others.map((one) => ({ ...one, resource: same, instrumentationScope }))];
        const theirs = ProtobufTraceSerializer.serializeRequest(together);
        expect(bytes.toString('latin1')).toBe(Buffer.from(theirs as Uint8Array).toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });
});
