/**
 * A collector of traces on loopback. It decodes what it is sent by the published definitions of OTLP, with a decoder
 * that has nothing to do with the exporter's encoder.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { listening } from './ports.ts';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: 'SPAN_KIND_SERVER' | 'SPAN_KIND_INTERNAL' | 'SPAN_KIND_CLIENT';
  /** Milliseconds since 1970-01-01 UTC. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly { readonly name: string; readonly atMs: number }[];
  readonly status: 'STATUS_CODE_UNSET' | 'STATUS_CODE_ERROR';
  readonly resource: Readonly<Record<string, string | number | boolean>>;
  readonly scope: string;
}

interface CollectedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as Latin-1: to look for what must not be there. */
  readonly bytes: string;
}

export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly CollectedRequest[];
  readonly spans: readonly CollectedSpan[];
  /** What it answers from now on; null: nothing. Default: 200. With 503 it wants to be asked again in an hour. */
  answers(status: number | null): void;
}

const folder = fileURLToPath(new URL('otlp', import.meta.url));

function exportRequest(): protobuf.Type {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => join(folder, target);
  root.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto');
  return root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
}

export async function startCollector(): Promise<Collector> {
  const type = exportRequest();
  const requests: CollectedRequest[] = [];
  const spans: CollectedSpan[] = [];
  let status: number | null = 200;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const path = request.url ?? '';
      requests.push({ path, headers: request.headers, bytes: body.toString('latin1') });
      if (status === 200) spans.push(...spansIn(type, body));
      if (status === null) return;
      const later = status === 503 ? { 'retry-after': '3600' } : {};
      response.writeHead(status, { 'content-type': 'application/x-protobuf', ...later }).end();
    });
  });
  return {
    url: `http://127.0.0.1:${await listening(server)}`,
    requests,
    spans,
    answers(next) {
      status = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = server[Symbol.asyncDispose]();
      server.closeAllConnections();
      await closed;
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the definitions say, in the form of protobufjs
type Message = any;

function spansIn(type: protobuf.Type, body: Buffer): CollectedSpan[] {
  const message: Message = type.toObject(type.decode(body), { longs: String, enums: String, defaults: true });
  return message.resourceSpans.flatMap(({ resource, scopeSpans }: Message) =>
    scopeSpans.flatMap(({ scope, spans }: Message) =>
      spans.map((span: Message) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        traceState: span.traceState,
        name: span.name,
        kind: span.kind,
        startMs: msOf(span.startTimeUnixNano),
        endMs: msOf(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        events: span.events.map((event: Message) => ({ name: event.name, atMs: msOf(event.timeUnixNano) })),
        status: span.status?.code ?? 'STATUS_CODE_UNSET',
        resource: attributesOf(resource.attributes),
        scope: scope.name,
      })),
    ),
  );
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const msOf = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

function attributesOf(list: readonly Message[]): CollectedSpan['attributes'] {
  return Object.fromEntries(
    list.map(({ key, value }) => [key, value.intValue === undefined ? one(value) : Number(value.intValue)]),
  );
}

const one = ({ stringValue, doubleValue, boolValue }: Message): string | number | boolean =>
  stringValue ?? doubleValue ?? boolValue;
