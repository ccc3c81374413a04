/**
 * OpenTelemetry's log data model in the JSON of OTLP, one `LogsData` a line, as its file exporter has it: a collector
 * reads it with `otlpjsonfile`. Attributes have the names of the semantic conventions for HTTP; what these have no name
 * for begins with `weir.`.
 */
import { nameOf } from '../../exchange/principal.ts';
import type { AuditLine } from '../../observe/audit.ts';
import { type RequestField, type RequestLine, requestFields } from '../../observe/request-line.ts';
import { summary } from './ecs.ts';
import { errorOf } from './errors.ts';
import {
  type EventLevel,
  type Format,
  type FormatOptions,
  hostSplitter,
  quoted,
  type ValueText,
  valueTexts,
} from './format.ts';

const severities: Readonly<Record<EventLevel, number>> = { debug: 5, info: 9, warn: 13, error: 17 };

export function otelFormat({ fields, version, worker }: FormatOptions): Format {
  const chosen = fields ?? requestFields;
  const parts = chosen.flatMap((field) => attributes[field]).map(attributeText);
  const traced = chosen.includes('trace_id');
  const resource = attributesOf({
    'service.name': 'weir',
    'service.version': version,
    ...(worker !== null && { 'weir.worker': worker }),
  });
  const head =
    `{"resourceLogs":[{"resource":{"attributes":${JSON.stringify(resource)}},"scopeLogs":[{"scope":{"name":"weir"},` +
    '"logRecords":[';
  const begin = (level: EventLevel, name: string, body: string, wallMs: number): string => {
    const time = nanoseconds(wallMs);
    return (
      `${head}{"timeUnixNano":"${time}","observedTimeUnixNano":"${time}","severityNumber":${severities[level]}` +
      `,"severityText":"${level.toUpperCase()}","eventName":"${name}","body":{"stringValue":${quoted(body)}},"attributes":[`
    );
  };
  return {
    request(line, level, wallMs) {
      let texts = '';
      for (const part of parts) {
        const text = part(line);
        if (text !== null) texts += texts === '' ? text : `,${text}`;
      }
      return begin(level, 'weir.request', summary(line), wallMs) + texts + (traced ? traceEnd(line) : end);
    },
    audit(line, wallMs) {
      const texts = attributesOf(auditAttributes(line)).map((one) => JSON.stringify(one));
      return begin('info', 'weir.audit', 'audit', wallMs) + texts.join(',') + end;
    },
    event(level, message, given, wallMs) {
      const { error, others } = errorOf(given);
      const named = Object.fromEntries(
        Object.entries(others).map(([name, value]) => [eventAttributes.get(name) ?? `weir.${name}`, value]),
      );
      const texts = attributesOf({ ...exceptionAttributes(error), ...named }).map((one) => JSON.stringify(one));
      return begin(level, 'weir.event', message, wallMs) + texts.join(',') + end;
    },
  };
}

const end = ']}]}]}]}\n';

function traceEnd({ traceId, spanId }: RequestLine): string {
  if (traceId === null) return end;
  return `],"traceId":"${traceId}"${spanId === null ? '' : `,"spanId":"${spanId}"`}}]}]}]}\n`;
}

/** 64-bit numbers are texts in the JSON of protocol buffers. */
function nanoseconds(wallMs: number): string {
  return `${Math.floor(wallMs)}${String(Math.round((wallMs % 1) * 1e6) % 1e6).padStart(6, '0')}`;
}

type Kind = 'stringValue' | 'intValue' | 'doubleValue';
type Attribute = readonly [name: string, kind: Kind, value: ValueText];

/** The methods that the semantic conventions know; for any other they want `_OTHER`, so that there are few values. */
const knownMethods: ReadonlySet<string> = new Set(
  'CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE'.split(' '),
);

const split = hostSplitter();

/** The attributes of each field. */
const attributes: Readonly<Record<RequestField, readonly Attribute[]>> = {
  requestId: [['weir.request_id', 'stringValue', valueTexts.requestId]],
  class: [['weir.class', 'stringValue', valueTexts.class]],
  principal: [
    ['user.name', 'stringValue', ({ principal }) => (principal?.kind === 'user' ? quoted(principal.name) : null)],
    ['weir.principal', 'stringValue', ({ principal }) => (principal === null ? null : quoted(nameOf(principal)))],
  ],
  method: [
    ['http.request.method', 'stringValue', ({ method }) => (knownMethods.has(method) ? `"${method}"` : '"_OTHER"')],
    ['http.request.method_original', 'stringValue', ({ method }) => (knownMethods.has(method) ? null : quoted(method))],
  ],
  path: [['url.path', 'stringValue', valueTexts.path]],
  status: [['http.response.status_code', 'intValue', valueTexts.status]],
  remote: [['client.address', 'stringValue', valueTexts.remote]],
  heldMs: [['weir.held_ms', 'doubleValue', valueTexts.heldMs]],
  coreappMs: [['weir.coreapp_ms', 'doubleValue', valueTexts.coreappMs]],
  totalMs: [['weir.total_ms', 'doubleValue', valueTexts.totalMs]],
  attempts: [['weir.attempts', 'intValue', valueTexts.attempts]],
  bytesOut: [['http.response.body.size', 'intValue', valueTexts.bytesOut]],
  refusal: [
    ['error.type', 'stringValue', errorType],
    ['weir.refusal', 'stringValue', ({ refusal }) => (refusal === null ? null : `"${refusal}"`)],
  ],
  bytesIn: [['http.request.body.size', 'intValue', valueTexts.bytesIn]],
  host: [
    ['server.address', 'stringValue', (line) => split(line).host],
    ['server.port', 'intValue', (line) => split(line).port],
  ],
  userAgent: [['user_agent.original', 'stringValue', valueTexts.userAgent]],
  classRate: [['weir.class_rate', 'doubleValue', valueTexts.classRate]],
  // A field of the record.
  trace_id: [],
  cut: [['weir.cut', 'stringValue', valueTexts.cut]],
};

/** Fields of events that have the same name as in the line of a request. Any other is below `weir`. */
const eventAttributes: ReadonlyMap<string, string> = new Map([
  ['requestId', 'weir.request_id'],
  ['remote', 'client.address'],
]);

/** Of a server the conventions call every 5xx an error, by its status where nothing more is known. */
function errorType({ refusal, cut, status }: RequestLine): string | null {
  const type = refusal ?? cut ?? (status >= 500 ? status : null);
  return type === null ? null : `"${type}"`;
}

function attributeText([name, kind, value]: Attribute): ValueText {
  const begin = `{"key":"${name}","value":{"${kind}":`;
  return (line) => {
    const text = value(line);
    if (text === null) return null;
    return `${begin}${kind === 'intValue' ? `"${text}"` : text}}}`;
  };
}

function auditAttributes({ action, outcome, reason, by, requestId, principal, user, remote, order }: AuditLine) {
  const name = principal?.startsWith('user:') ? principal.slice('user:'.length) : null;
  return {
    'weir.action': action,
    'weir.outcome': outcome,
    'weir.reason': reason,
    'weir.by': by,
    'weir.request_id': requestId,
    'user.name': name,
    'weir.principal': principal,
    'weir.user': user,
    'client.address': remote,
    'weir.order': order ?? null,
  };
}

function exceptionAttributes(error: ReturnType<typeof errorOf>['error']) {
  if (error === null) return {};
  const { type, message, stack } = error;
  return { 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack };
}

/** Null means that there is none. */
function attributesOf(values: Readonly<Record<string, unknown>>): { key: string; value: object }[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

/** `AnyValue`; an empty one is null. */
function anyValue(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: `${value}` } : { doubleValue: jsonDouble(value) };
  }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (value instanceof Date) return { stringValue: String(value.toJSON()) };
  if (typeof value === 'object' && value !== null) return { kvlistValue: { values: attributesOf({ ...value }) } };
  return {};
}

/** Numbers that JSON does not have are written by name. */
function jsonDouble(value: number): number | string {
  return Number.isFinite(value) ? value : `${value}`;
}
