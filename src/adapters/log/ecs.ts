/**
 * Elastic Common Schema: nested JSON with Elastic's names and types, as ecs-logging has it. What the schema has no field
 * for is below `weir`.
 */
import { nameOf } from '../../exchange/principal.ts';
import { tenths } from '../../exchange/server-timing.ts';
import type { AuditAction, AuditLine } from '../../observe/audit.ts';
import { type RequestField, type RequestLine, requestFields } from '../../observe/request-line.ts';
import { errorOf } from './errors.ts';
import {
  type Format,
  type FormatOptions,
  hostSplitter,
  IsoTimes,
  type Member,
  membersOf,
  quoted,
  valueTexts,
  withoutQuery,
} from './format.ts';

/** The version of the schema. */
const ecsVersion = '9.4.0';

export function ecsFormat({ fields, version, worker }: FormatOptions): Format {
  const times = new IsoTimes();
  const members = (fields ?? requestFields).flatMap((field) => ecsMembers[field]);
  const request = membersOf([...accessMembers(version, worker), ...members]);
  const service = { name: 'weir', type: 'weir', version };
  const begin = (level: string, message: string, wallMs: number) => ({
    '@timestamp': times.of(wallMs),
    'log.level': level,
    message,
    'ecs.version': ecsVersion,
    service,
  });
  return {
    request: (line, level, wallMs) =>
      `{"@timestamp":"${times.of(wallMs)}","log.level":"${level}","message":${quoted(summary(line))}` +
      `,"ecs.version":"${ecsVersion}",${request(line)}}\n`,
    audit: (line, wallMs) =>
      `${JSON.stringify({ ...begin('info', 'audit', wallMs), ...auditMembers(line, worker) })}\n`,
    event(level, message, given, wallMs) {
      const { error, others } = errorOf(given);
      const { requestId, remote, ...more } = others;
      const event = { kind: 'event', dataset: 'weir.log' };
      const own = { ...(worker !== null && { worker }), ...more };
      const weir = Object.keys(own).length === 0 ? {} : { weir: own };
      const known = { event, ...shownError(error), ...askedBy(remote, requestId) };
      return `${JSON.stringify({ ...begin(level, message, wallMs), ...known, ...weir })}\n`;
    },
  };
}

/** `POST /v1/messages 201` */
export function summary({ method, path, status }: RequestLine): string {
  return `${method} ${withoutQuery(path)} ${status}`;
}

/** The members of every request's line. */
function accessMembers(version: string, worker: number | null): Member[] {
  return [
    ...(worker === null ? [] : [['weir.worker', () => `${worker}`] as const]),
    ['service.name', () => '"weir"'],
    ['service.type', () => '"weir"'],
    ['service.version', () => quoted(version)],
    ['event.kind', () => '"event"'],
    ['event.category', () => '["web"]'],
    ['event.type', () => '["access"]'],
    ['event.dataset', () => '"weir.access"'],
    ['event.outcome', ({ status, cut }) => (status < 400 && cut === null ? '"success"' : '"failure"')],
  ];
}

const split = hostSplitter();

/** The ECS names of each field. */
const ecsMembers: Readonly<Record<RequestField, readonly Member[]>> = {
  requestId: [['http.request.id', valueTexts.requestId]],
  class: [['weir.class', valueTexts.class]],
  principal: [
    ['user.name', ({ principal }) => (principal?.kind === 'user' ? quoted(principal.name) : null)],
    ['weir.principal', ({ principal }) => (principal === null ? null : quoted(nameOf(principal)))],
  ],
  method: [['http.request.method', valueTexts.method]],
  path: [['url.path', valueTexts.path]],
  status: [['http.response.status_code', valueTexts.status]],
  remote: [
    ['client.address', valueTexts.remote],
    ['client.ip', (line) => (isPlainIp(line.remote) ? valueTexts.remote(line) : null)],
  ],
  heldMs: [['weir.held_ms', valueTexts.heldMs]],
  coreappMs: [['weir.coreapp_ms', valueTexts.coreappMs]],
  // Nanoseconds, as a whole number; as precise as the other forms.
  totalMs: [['event.duration', ({ totalMs }) => `${Math.round(tenths(totalMs) * 1e6)}`]],
  attempts: [['weir.attempts', valueTexts.attempts]],
  bytesOut: [['http.response.body.bytes', valueTexts.bytesOut]],
  refusal: [
    ['error.type', ({ refusal, cut }) => (refusal === null && cut === null ? null : `"${refusal ?? cut}"`)],
    ['weir.refusal', ({ refusal }) => (refusal === null ? null : `"${refusal}"`)],
  ],
  bytesIn: [['http.request.body.bytes', valueTexts.bytesIn]],
  host: [
    ['url.domain', (line) => split(line).host],
    ['url.port', (line) => split(line).port],
  ],
  userAgent: [['user_agent.original', valueTexts.userAgent]],
  classRate: [['weir.class_rate', valueTexts.classRate]],
  trace_id: [
    ['trace.id', valueTexts.trace_id],
    ['span.id', ({ spanId }) => (spanId === null ? null : `"${spanId}"`)],
  ],
  cut: [['weir.cut', valueTexts.cut]],
};

/** Elastic takes no IPv6 address with a zone. */
function isPlainIp(address: string): boolean {
  return !address.includes('%');
}

const auditKinds: Readonly<
  Record<AuditAction, { readonly category: readonly string[]; readonly type: readonly string[] }>
> = {
  login: { category: ['authentication'], type: ['start'] },
  logout: { category: ['authentication'], type: ['end'] },
  'user.add': { category: ['iam'], type: ['user', 'creation'] },
  'user.password': { category: ['iam'], type: ['user', 'change'] },
  'user.delete': { category: ['iam'], type: ['user', 'deletion'] },
  'tokens.create': { category: ['iam'], type: ['user', 'change'] },
  'tokens.revoke': { category: ['iam'], type: ['user', 'change'] },
  'ops.token': { category: ['authentication'], type: ['start'] },
  'line.pause': { category: ['configuration'], type: ['change'] },
  'line.resume': { category: ['configuration'], type: ['change'] },
  'line.limit': { category: ['configuration'], type: ['change'] },
  'line.unlimit': { category: ['configuration'], type: ['change'] },
  'line.end': { category: ['configuration'], type: ['change'] },
  'line.first': { category: ['configuration'], type: ['change'] },
  'replica.drain': { category: ['configuration'], type: ['change'] },
  'replica.undrain': { category: ['configuration'], type: ['change'] },
};

function auditMembers(
  { action, outcome, reason, by, requestId, principal, user, remote, order }: AuditLine,
  worker: number | null,
): object {
  const name = principal?.startsWith('user:') ? principal.slice('user:'.length) : undefined;
  const event = {
    kind: 'event',
    ...auditKinds[action],
    dataset: 'weir.audit',
    action,
    outcome: outcome === 'done' ? 'success' : 'failure',
    ...(reason !== null && { reason }),
  };
  return {
    event,
    ...((name !== undefined || user !== null) && {
      user: { ...(name !== undefined && { name }), ...(user !== null && { target: { name: user } }) },
    }),
    ...askedBy(remote, requestId),
    weir: {
      ...(worker !== null && { worker }),
      by,
      ...(principal !== null && { principal }),
      ...(order !== undefined && { order }),
    },
  };
}

/** The caller and the id of an event's request, named as in the line of a request. */
function askedBy(remote: unknown, requestId: unknown): object {
  return {
    ...(typeof remote === 'string' && { client: { address: remote, ...(isPlainIp(remote) && { ip: remote }) } }),
    ...(typeof requestId === 'string' && { http: { request: { id: requestId } } }),
  };
}

function shownError(error: ReturnType<typeof errorOf>['error']): object {
  if (error === null) return {};
  const { type, message, stack } = error;
  return { error: { type, message, stack_trace: stack } };
}
