/** Lines as `docs/reference/logs.md` shows them, and a log whose lines the test has. */
import { type AdjustableLog, createLog, type LogOptions } from '../../src/adapters/log/log.ts';
import type { AuditLine } from '../../src/observe/audit.ts';
import type { RequestLine } from '../../src/observe/request-line.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A message that Weir held for 120 ms, and the trace that it belongs to. */
export const sentMessage: RequestLine = {
  id: '6f1c9b52',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  class: 'messages',
  principal: { kind: 'user', name: 'anna', role: 'ROLE_USER' },
  method: 'POST',
  path: '/v1/messages',
  status: 201,
  remote: '192.0.2.1',
  heldMs: 120.04,
  coreappMs: 33.06,
  totalMs: 154.2,
  attempts: 2,
  bytesOut: 99,
  refusal: null,
  bytesIn: 150,
  fields: ['Host', 'weir.example.com:8443', 'User-Agent', 'curl/8.14.1'],
  classRate: 50,
  cut: null,
};

export const refusedLogin: AuditLine = {
  action: 'login',
  outcome: 'refused',
  reason: 'wrongPassword',
  by: 'request',
  requestId: '6f1c9b52',
  principal: 'nobody',
  user: 'anna',
  remote: '192.0.2.1',
};

interface KeptLog {
  readonly log: AdjustableLog;
  /** As they were written, each with its newline. */
  readonly texts: readonly string[];
  /** As JSON. */
  readonly lines: () => Record<string, unknown>[];
}

/** All that is written at `debug`, if `options` do not say otherwise. */
export function keptLog(options: Partial<LogOptions> = {}): KeptLog {
  const texts: string[] = [];
  const clock = new VirtualClock(Date.UTC(2026, 10, 23, 1, 20, 14, 123));
  const destination = { write: (text: string) => void texts.push(text) };
  const log = createLog({ level: 'debug', version: '0.1.0', clock, destination, ...options });
  return { log, texts, lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
}
