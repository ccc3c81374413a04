/** The forms of log lines: each against what its readers go by, and against the line that the documentation shows. */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { EcsFlat, EcsVersion } from '@elastic/ecs';
import { describe, expect, it } from 'vitest';
import type { FormatName } from '../../src/adapters/log/formats.ts';
import { type RequestField, type RequestLine, requestFields } from '../../src/observe/request-line.ts';
import { keptLog, refusedLogin, sentMessage } from '../support/log-lines.ts';

const page = readFileSync(new URL('../../docs/reference/logs.md', import.meta.url), 'utf8');
const formats: readonly FormatName[] = ['weir', 'ecs', 'otel', 'pretty'];

function written(format: FormatName, write: (log: ReturnType<typeof keptLog>['log']) => void, fields?: RequestField[]) {
  const { log, texts } = keptLog({ format, fields: fields ?? null });
  write(log);
  return texts[0] as string;
}

const request = (format: FormatName, change: Partial<RequestLine> = {}, fields?: RequestField[]): string =>
  written(format, (log) => log.request({ ...sentMessage, ...change }), fields);
const json = (text: string) => JSON.parse(text);

describe('the documentation', () => {
  it.each(formats)('shows the line of a request in the form %s', (format) => {
    // The time of pretty is local.
    const line = request(format).replace(/^\d\d:\d\d:\d\d/, '01:20:14');
    expect(page).toContain(line);
  });

  it('shows a line of the audit trail, and tells of every field', () => {
    expect(page).toContain(written('weir', (log) => log.audit(refusedLogin)));
    const rows = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(
      ([, names = '']) => names.match(/\w+/g) ?? [],
    );
    expect(rows).toEqual(expect.arrayContaining([...requestFields]));
  });
});

const steering = '\u001b[2J\u009b31m';
const nasty: Partial<RequestLine> = {
  id: 'a"\\b',
  method: 'BREW',
  path: `/v1/${steering}\u202e\n\u2028"?token=hunter2`,
  principal: { kind: 'user', name: 'a"\n\u0000', role: 'ROLE_USER' },
  fields: ['Host', '[::1]:0080', 'User-Agent', `"${steering}${'x'.repeat(1_000)}`],
};

describe.each(formats)('a line in the form %s', (format) => {
  it('is one line, whatever callers say, without the query, and with no more than a part of long fields', () => {
    const text = request(format, nasty);
    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('x'.repeat(300));
    if (format !== 'pretty') expect(json(text)).toBeTypeOf('object');
  });

  it('shows no secret of an event', () => {
    const error = Object.assign(new Error('at redis://:hunter2@a'), { token: 'hunter2-hunter2' });
    const fields = { error, password: 'hunter2', deep: { error } };
    const text = written(format, (log) => log.error('x://u:hunter2@b', fields));
    expect(text).not.toContain('hunter2');
  });
});

describe.each(formats.filter((format) => format !== 'pretty'))('a line in the form %s', (format) => {
  it('has the chosen fields and no others', () => {
    const refused: Partial<RequestLine> = { refusal: 'lineFull', status: 503, cut: 'stopping' };
    const all = leavesOf(json(request(format, refused)));
    const none = leavesOf(json(request(format, refused, [])));
    const single = requestFields.flatMap((field) => leavesOf(json(request(format, refused, [field]))));
    expect(new Set([...none, ...single])).toEqual(new Set(all));
    expect(none.length).toBeLessThan(single.length);
    expect(request(format, refused, ['path'])).toContain('/v1/messages');
    expect(request(format, refused, ['path'])).not.toContain('192.0.2.1');
  });
});

/** Each value with its place, as `http.request.method=POST`; of OpenTelemetry's attributes each as one. */
function leavesOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}=${String(value)}`];
  if (!Array.isArray(value)) return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, `${path}.${key}`));
  return value.flatMap((inner) => (isAttribute(inner) ? [JSON.stringify(inner)] : leavesOf(inner, path)));
}

const isAttribute = (value: unknown): boolean => typeof (value as { key?: unknown } | null)?.key === 'string';

/** What an event says of a request that is none. */
const unreadable = { requestId: '6f1c9b52', refusal: 'malformed', remote: '192.0.2.1' };

interface EcsField {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly allowed_values?: readonly { readonly name: string }[];
}

/** What Elastic's own list of fields says of a value; null: it is as it should be. */
function ecsFault(name: string, value: unknown): string | null {
  const field = (EcsFlat as Readonly<Record<string, EcsField>>)[name];
  if (field === undefined) return `${name} is no field of ECS`;
  const isArray = Array.isArray(value);
  if (isArray !== field.normalize.includes('array')) return `${name} is ${isArray ? 'a' : 'no'} list`;
  const allowed = field.allowed_values?.map((one) => one.name);
  const fits = [value].flat().every((one) => typed(field.type, one) && (allowed?.includes(one as string) ?? true));
  return fits ? null : `${name}: ${JSON.stringify(value)} is no ${field.type}`;
}

function typed(type: string, value: unknown): boolean {
  if (type === 'long') return Number.isSafeInteger(value);
  if (typeof value !== 'string') return false;
  if (type === 'ip') return isIP(value) !== 0;
  if (type === 'date') return new Date(value).toISOString() === value;
  return ['keyword', 'wildcard', 'match_only_text'].includes(type);
}

function ecsFaults(value: unknown, path: string[] = []): string[] {
  if (path[0] === 'weir') return [];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => ecsFaults(inner, [...path, key]));
  }
  return [ecsFault(path.join('.'), value)].filter((fault) => fault !== null);
}

describe('ecs', () => {
  const lines: [string, () => string][] = [
    ['the line of a request', () => request('ecs')],
    ['what callers make of one', () => request('ecs', nasty)],
    ['a refusal', () => request('ecs', { status: 503, refusal: 'lineFull', cut: 'stopping', principal: null })],
    ['an IPv6 address with a zone', () => request('ecs', { remote: 'fe80::1%eth0' })],
    [
      'an event with an error',
      () => written('ecs', (log) => log.error('no', { error: new TypeError('why'), port: 1 })),
    ],
    ['an event about a request', () => written('ecs', (log) => log.info('unreadable request', unreadable))],
    ...(['login', 'logout', 'user.add', 'user.password', 'user.delete', 'tokens.create', 'tokens.revoke'] as const).map(
      (action): [string, () => string] => [
        `the audit line of ${action}`,
        () => written('ecs', (log) => log.audit({ ...refusedLogin, action, principal: 'user:admin' })),
      ],
    ),
  ];
  it.each(lines)('%s has Elastic’s fields, and values of their types', (_, write) => {
    const line = json(write());
    expect(ecsFaults(line)).toEqual([]);
    expect(Object.keys(line).slice(0, 4)).toEqual(['@timestamp', 'log.level', 'message', 'ecs.version']);
    expect(line['ecs.version']).toBe(EcsVersion);
  });

  it('says how long it took in nanoseconds, who asked, and what went wrong', () => {
    expect(json(request('ecs', { status: 503, refusal: 'holdTimeOver' }))).toMatchObject({
      event: { duration: 154_200_000, outcome: 'failure', category: ['web'], type: ['access'] },
      http: { request: { method: 'POST', body: { bytes: 150 } }, response: { status_code: 503 } },
      url: { path: '/v1/messages', domain: 'weir.example.com', port: 8443 },
      user: { name: 'anna' },
      error: { type: 'holdTimeOver' },
      trace: { id: '0af7651916cd43dd8448eb211c80319c' },
      span: { id: 'b7ad6b7169203331' },
    });
    const event = json(written('ecs', (log) => log.warn('m', { err: new TypeError('why'), of: 'store' })));
    expect(event).toMatchObject({ error: { type: 'TypeError', message: 'why' }, weir: { of: 'store' } });
    expect(event.error.stack_trace).toContain('log-formats.test.ts');
  });

  it('names the request and the caller of an event as those of a request’s line', () => {
    expect(json(written('ecs', (log) => log.info('unreadable request', unreadable)))).toMatchObject({
      http: { request: { id: '6f1c9b52' } },
      client: { address: '192.0.2.1', ip: '192.0.2.1' },
      weir: { refusal: 'malformed' },
    });
  });
});

/** The one record of a line, its attributes by name. */
function recordOf(text: string) {
  const [{ resource, scopeLogs }] = json(text).resourceLogs;
  const [record] = scopeLogs[0].logRecords;
  const byKey = (list: { key: string; value: unknown }[]) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value]));
  return { ...record, resource: byKey(resource.attributes), attributes: byKey(record.attributes) };
}

describe('otel', () => {
  it('is a LogsData of OTLP: times and whole numbers as texts, ids in hexadecimal', () => {
    expect(recordOf(request('otel'))).toEqual({
      resource: { 'service.name': { stringValue: 'weir' }, 'service.version': { stringValue: '0.1.0' } },
      timeUnixNano: '1795396814123000000',
      observedTimeUnixNano: '1795396814123000000',
      severityNumber: 9,
      severityText: 'INFO',
      eventName: 'weir.request',
      body: { stringValue: 'POST /v1/messages 201' },
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      attributes: expect.objectContaining({
        'http.request.method': { stringValue: 'POST' },
        'http.response.status_code': { intValue: '201' },
        'url.path': { stringValue: '/v1/messages' },
        'client.address': { stringValue: '192.0.2.1' },
        'server.address': { stringValue: 'weir.example.com' },
        'server.port': { intValue: '8443' },
        'user_agent.original': { stringValue: 'curl/8.14.1' },
        'http.request.body.size': { intValue: '150' },
        'http.response.body.size': { intValue: '99' },
        'weir.total_ms': { doubleValue: 154.2 },
      }),
    });
  });

  it('calls a method that HTTP does not know _OTHER, and a 5xx an error', () => {
    expect(recordOf(request('otel', { method: 'BREW', status: 500 })).attributes).toMatchObject({
      'http.request.method': { stringValue: '_OTHER' },
      'http.request.method_original': { stringValue: 'BREW' },
      'error.type': { stringValue: '500' },
    });
    expect(recordOf(request('otel')).attributes).not.toHaveProperty(['error.type']);
  });

  it('names the request and the caller of an event as those of a request’s line', () => {
    expect(recordOf(written('otel', (log) => log.info('unreadable request', unreadable))).attributes).toEqual({
      'weir.request_id': { stringValue: '6f1c9b52' },
      'client.address': { stringValue: '192.0.2.1' },
      'weir.refusal': { stringValue: 'malformed' },
    });
  });

  it('has values of every kind', () => {
    const plain = { text: 'a', yes: true, whole: 7, part: 0.5, not: Number.NaN, no: null };
    const fields = { ...plain, list: [1, null], in: { b: 'c' }, error: new TypeError('why') };
    const { attributes } = recordOf(written('otel', (log) => log.warn('m', fields)));
    expect(attributes).toEqual({
      'exception.type': { stringValue: 'TypeError' },
      'exception.message': { stringValue: 'why' },
      'exception.stacktrace': { stringValue: expect.stringContaining('log-formats.test.ts') },
      'weir.text': { stringValue: 'a' },
      'weir.yes': { boolValue: true },
      'weir.whole': { intValue: '7' },
      'weir.part': { doubleValue: 0.5 },
      'weir.not': { doubleValue: 'NaN' },
      'weir.list': { arrayValue: { values: [{ intValue: '1' }, {}] } },
      'weir.in': { kvlistValue: { values: [{ key: 'b', value: { stringValue: 'c' } }] } },
    });
  });
});

describe('pretty', () => {
  it('shows an error with its stack, and colours only where it may', () => {
    const plain = written('pretty', (log) => log.error('it failed', { error: new TypeError('why'), of: 'a store' }));
    expect(plain).toMatch(/ERROR it failed {2}of="a store"\n {4}TypeError: why\n {8}at /);
    const { log, texts } = keptLog({ format: 'pretty', colours: true });
    log.request(sentMessage);
    expect(texts[0]).toContain('\u001b[32mPOST /v1/messages 201\u001b[39m');
  });
});
