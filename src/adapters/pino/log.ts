import { pino } from 'pino';
import type { Clock } from '../../clock.ts';
import type { AuditLine } from '../../observe/audit.ts';
import type { Log } from '../../observe/ports.ts';
import type { RequestLine } from '../../observe/request-line.ts';
import { auditTextOf, IsoTimes, levelOf, textOf } from './line.ts';
import { withoutCredentials, withoutSecrets } from './redact.ts';
import { Sink } from './sink.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** A file descriptor, written in batches off the event loop, or whatever takes whole lines. Default: 1, stdout. */
  readonly destination?: number | { write(line: string): void };
}

export interface AdjustableLog extends Log {
  /** From now on, only what is of that level or above. */
  setLevel(level: LogLevel): void;
  flush(): Promise<void>;
}

type EventFields = Readonly<Record<string, unknown>>;

/** What a line always has; an event's field of that name would be a second member with the same key. */
const ownKeys: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

/**
 * One JSON line a request at level `info`, or `warn` where Weir itself says 5xx; events at the level of their call; the
 * audit trail at every level but `silent`.
 */
export function createLog({ level: first, clock, destination = 1 }: LogOptions): AdjustableLog {
  const times = new IsoTimes();
  const now = () => times.of(clock.wallMs());
  const sink =
    typeof destination === 'number'
      ? new Sink(
          destination,
          clock,
          (lines) =>
            `{"level":"warn","time":"${now()}","lines":${lines},"msg":"log lines dropped: the reader was slow"}\n`,
        )
      : null;
  const output: Pick<Sink, 'write'> = sink ?? (destination as { write(line: string): void });
  const events = pino(
    {
      level: first,
      base: null,
      // pino's own would take our copy of an error for an error and call its type Object.
      serializers: { err: (copy: unknown) => copy },
      timestamp: () => `,"time":"${now()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const writes = { info: false, warn: false, audit: false };
  const setLevel = (level: LogLevel): void => {
    events.level = level;
    writes.info = events.isLevelEnabled('info');
    writes.warn = events.isLevelEnabled('warn');
    writes.audit = level !== 'silent';
  };
  setLevel(first);

  const event =
    (at: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: EventFields = {}): void => {
      if (events.isLevelEnabled(at)) events[at](eventFields(fields), withoutCredentials(message));
    };

  return {
    request(line: RequestLine): void {
      const lineLevel = levelOf(line);
      if (writes[lineLevel]) output.write(textOf(line, lineLevel, now()));
    },
    audit(line: AuditLine): void {
      if (writes.audit) output.write(auditTextOf(line, now()), line.outcome);
    },
    debug: event('debug'),
    info: event('info'),
    warn: event('warn'),
    error: event('error'),
    setLevel,
    flush: () => sink?.flush() ?? Promise.resolve(),
  };
}

function eventFields(fields: EventFields): Record<string, unknown> {
  const safe = withoutSecrets(fields);
  for (const key of Object.keys(safe).filter((name) => ownKeys.has(name))) {
    safe[`field_${key}`] = safe[key];
    delete safe[key];
  }
  return safe;
}
