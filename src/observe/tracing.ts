/** Which trace a request belongs to, and whether it is recorded: decided when its head has come. */
import type { Clock } from '../clock.ts';
import { Recording, type Trace } from '../exchange/trace.ts';
import type { Fields } from '../http/fields.ts';
import { traceFlags, traceParentIn, traceStateIn } from '../http/trace-context.ts';
import type { Sampler } from './sampling.ts';

/** @param fields the request's; those of a trace are taken out where Weir writes them anew */
export type TraceOf = (fields: string[], now: number) => Trace | null;

/** The caller's trace, for the log. What the caller said travels on as it came. */
export const passedTrace: TraceOf = (fields) => {
  const parent = traceParentIn(fields);
  return parent === null ? null : { ...parent, spanId: null, state: '', recording: null };
};

interface JoinDeps {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly sampler: Sampler;
  /** Random, in hexadecimal digits: 32, and 16. */
  readonly newTraceId: () => string;
  readonly newSpanId: () => string;
  /** Whether spans are told of traces that are sampled. */
  readonly records: boolean;
}

/** Weir takes part: it goes on with its caller's trace, or begins one, and the upstream is told of its span. */
export function joinedTrace({ clock, sampler, newTraceId, newSpanId, records }: JoinDeps): TraceOf {
  return (fields, now) => {
    const isTold = saysTrace(fields);
    const parent = isTold ? traceParentIn(fields) : null;
    const state = parent === null ? '' : traceStateIn(fields);
    if (isTold) takeOutTrace(fields);
    const traceId = parent?.traceId ?? newTraceId();
    const isSampled = sampler(traceId, parent === null ? null : (parent.flags & traceFlags.sampled) !== 0);
    const random = (parent?.flags ?? traceFlags.random) & traceFlags.random;
    return {
      traceId,
      flags: isSampled ? random | traceFlags.sampled : random,
      parentId: parent?.parentId ?? null,
      spanId: newSpanId(),
      state,
      recording: isSampled && records ? new Recording(newSpanId, clock.wallMs(), now) : null,
    };
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
