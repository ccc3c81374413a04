/** Which trace a request belongs to, and whether it is recorded: decided when its head has come. */
import type { Clock } from '../clock.ts';
import { Recording, type Trace } from '../exchange/trace.ts';
import type { Fields } from '../http/fields.ts';
import {
  parentIdIn,
  traceFlags,
  traceIdIn,
  traceParentIn,
  traceParentOf,
  traceStateIn,
} from '../http/trace-context.ts';
import type { Sampler } from './sampling.ts';

/** @param fields the request's; those of a trace are taken out where Weir writes them anew */
export type TraceOf = (fields: string[], now: number) => Trace | null;

/** The caller's trace, for the log. What the caller said travels on as it came. */
export const passedTrace: TraceOf = (fields) => {
  const parent = traceParentIn(fields);
  return parent === null ? null : { ...parent, spanId: null, said: null, state: '', recording: null };
};

interface JoinDeps {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly sampler: Sampler;
  /** `traceparent` of a trace that begins, with random ids and no other flag than that. */
  readonly newTraceParent: () => string;
  /** 16 random hexadecimal digits. */
  readonly newSpanId: () => string;
  /** Whether spans are told of traces that are sampled. */
  readonly records: boolean;
}

/** Weir takes part: it goes on with its caller's trace, or begins one, and the upstream is told of its span. */
export function joinedTrace({ clock, sampler, newTraceParent, newSpanId, records }: JoinDeps): TraceOf {
  const recordingOf = (isSampled: boolean, now: number): Recording | null =>
    isSampled && records ? new Recording(newSpanId, clock.wallMs(), now) : null;

  function begun(now: number): Trace {
    const said = newTraceParent();
    const traceId = traceIdIn(said);
    const spanId = parentIdIn(said);
    const isSampled = sampler(traceId, null);
    const flags = isSampled ? traceFlags.random | traceFlags.sampled : traceFlags.random;
    return {
      traceId,
      flags,
      parentId: null,
      spanId,
      said: isSampled ? traceParentOf(traceId, spanId, flags) : said,
      state: '',
      recording: recordingOf(isSampled, now),
    };
  }

  return (fields, now) => {
    if (!saysTrace(fields)) return begun(now);
    const parent = traceParentIn(fields);
    const state = parent === null ? '' : traceStateIn(fields);
    takeOutTrace(fields);
    if (parent === null) return begun(now);
    const { traceId, parentId } = parent;
    const isSampled = sampler(traceId, (parent.flags & traceFlags.sampled) !== 0);
    const random = parent.flags & traceFlags.random;
    const flags = isSampled ? random | traceFlags.sampled : random;
    const spanId = newSpanId();
    const said = traceParentOf(traceId, spanId, flags);
    return { traceId, flags, parentId, spanId, said, state, recording: recordingOf(isSampled, now) };
  };
}

/** Whether there may be a field of a trace. Most requests have none, and are looked through once. */
function saysTrace(fields: Fields): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    // Of `User-Agent`, which is as long, only the first letter is looked at.
    if ((name.length === 11 || name.length === 10) && (name[0] === 't' || name[0] === 'T')) return true;
  }
  return false;
}

function takeOutTrace(fields: string[]): void {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    const name = (fields[i] as string).toLowerCase();
    if (name === 'traceparent' || name === 'tracestate') fields.splice(i, 2);
  }
}
