/** The port `Log`: which lines are written, in which form, and where they go. */
import type { Clock } from '../../clock.ts';
import type { AuditLine } from '../../observe/audit.ts';
import { type LinesLeftOut, noneLeftOut } from '../../observe/ports.ts';
import type { RequestField, RequestLine } from '../../observe/request-line.ts';
import { type EventLevel, type Format, type LogLevel, logLevels, type RequestLevel } from './format.ts';
import { type FormatName, formatOf } from './formats.ts';
import { withoutCredentials, withoutSecrets } from './redact.ts';
import { Sink } from './sink.ts';

/** What a reload may change. */
interface LogSettings {
  readonly level: LogLevel;
  /** Default: `weir`. */
  readonly format?: FormatName;
  /** Which fields the line of a request has. Null, or not there: all. */
  readonly fields?: readonly RequestField[] | null;
  /** False: requests have no lines. */
  readonly requests?: boolean;
  /** The part of the successes that have one: 0 to 1. Default: 1. */
  readonly sample?: number;
  /** A request that took as long as this has one in any case, milliseconds. Default: none has. */
  readonly slowMs?: number;
}

export interface LogOptions extends LogSettings {
  readonly clock: Clock;
  /** A file descriptor, written in batches off the event loop, or whatever takes whole lines. Default: 1, stdout. */
  readonly destination?: number | { write(line: string): void };
  /** Weir's own. */
  readonly version?: string;
  /** Which worker of the replica it is. Null, or not there: the replica is one process. */
  readonly worker?: number | null;
  /** Whether `pretty` may have colours. Default: no. */
  readonly colours?: boolean;
  /** Default: `Math.random`. */
  readonly random?: () => number;
}

export type AdjustableLog = ReturnType<typeof createLog>;

type EventFields = Readonly<Record<string, unknown>>;

/**
 * One line a request at level `info`, or `warn` where Weir itself says 5xx; events at the level of their call; the
 * audit trail at every level but `silent`.
 */
export function createLog(options: LogOptions) {
  const { clock, destination = 1, version = '', worker = null, colours = false, random = Math.random } = options;
  const now = (): number => clock.wallMs();
  let format: Format;
  let least = 0;
  let sample = 1;
  let slowMs = Number.POSITIVE_INFINITY;
  const writes = { info: false, warn: false, audit: false };
  const isEnabled = (level: LogLevel): boolean => logLevels.indexOf(level) >= least;
  const configure = ({ level, requests = true, ...more }: LogSettings): void => {
    format = formatOf(more.format ?? 'weir', { fields: more.fields ?? null, version, worker }, colours);
    ({ sample = 1, slowMs = Number.POSITIVE_INFINITY } = more);
    least = logLevels.indexOf(level);
    writes.info = requests && isEnabled('info');
    writes.warn = requests && isEnabled('warn');
    writes.audit = level !== 'silent';
  };
  configure(options);

  const troubleLine = (message: string, fields: EventFields): string => format.event('warn', message, fields, now());
  const sink = typeof destination === 'number' ? new Sink(destination, clock, troubleLine) : null;
  const output: Pick<Sink, 'write'> = sink ?? (destination as { write(line: string): void });
  let sampledOut = 0;

  const event =
    (level: EventLevel) =>
    (message: string, fields: EventFields = {}): void => {
      if (!isEnabled(level)) return;
      output.write(format.event(level, withoutCredentials(message), withoutSecrets(fields), now()));
    };

  return {
    request(line: RequestLine): void {
      const level = levelOf(line);
      if (!writes[level]) return;
      if (sample < 1 && isSuccess(line, slowMs) && random() >= sample) sampledOut += 1;
      else output.write(format.request(line, level, now()));
    },
    audit(line: AuditLine): void {
      if (writes.audit) output.write(format.audit(line, now()), line.outcome);
    },
    debug: event('debug'),
    info: event('info'),
    warn: event('warn'),
    error: event('error'),
    leftOut: (): LinesLeftOut => ({ ...noneLeftOut, ...sink?.lost, sample: sampledOut }),
    /** From now on. */
    configure,
    /** Lines go to another file descriptor from now on; not where the destination is none. */
    redirect: (fd: number): void => sink?.redirect(fd),
    /** Takes whole lines of another process of this replica. Resolves when there is room for more. */
    async pass(lines: Buffer): Promise<void> {
      if (sink === null) output.write(lines.toString());
      else await sink.pass(lines);
    },
    flush: (): Promise<void> => sink?.flush() ?? Promise.resolve(),
  };
}

function levelOf(line: RequestLine): RequestLevel {
  return line.refusal !== null && line.status >= 500 ? 'warn' : 'info';
}

/** Of these a sample will do. */
function isSuccess({ status, refusal, cut, totalMs }: RequestLine, slowMs: number): boolean {
  return status < 400 && refusal === null && cut === null && totalMs < slowMs;
}
