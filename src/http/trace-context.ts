/**
 * Which trace a request belongs to, as its fields say (W3C Trace Context, level 1, with the random flag of level 2).
 * What does not fit the grammar to the letter counts as not there: two readers must not see two traces in it.
 */
import { type Fields, fieldOf, fieldsOf } from './fields.ts';

export const traceFlags = {
  /** The caller may have recorded the trace. */
  sampled: 0x01,
  /** The last 7 bytes of the trace id are random (level 2). */
  random: 0x02,
} as const;

interface TraceParent {
  /** 32 hexadecimal digits in lower case, not all of them 0. */
  readonly traceId: string;
  /** 16 of them: the span of whoever sent the request. */
  readonly parentId: string;
  /** Those of `traceFlags` that are set. What other bits mean is not known, so they do not travel on. */
  readonly flags: number;
}

/** A version, a trace id, a parent id, flags: not all zeros, and not version ff. Later versions may have more behind them. */
const form = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/;
/** Where these stand, and how long version 00 is. */
export const traceParentAt = { trace: 3, parent: 36, flags: 53, end: 55 } as const;
const knownFlags = traceFlags.sampled | traceFlags.random;

/** Null: there is none, several, or one that is not valid. Then `tracestate` means nothing either. */
export function traceParentIn(fields: Fields): TraceParent | null {
  const text = theOnly(fields, 'traceparent');
  if (text === null || !form.test(text) || (text.length > traceParentAt.end && text.startsWith('00'))) return null;
  return {
    traceId: traceIdIn(text),
    parentId: parentIdIn(text),
    flags: Number.parseInt(text.slice(traceParentAt.flags, traceParentAt.end), 16) & knownFlags,
  };
}

/** @param text a `traceparent` that is valid */
export const traceIdIn = (text: string): string => text.slice(traceParentAt.trace, traceParentAt.parent - 1);
export const parentIdIn = (text: string): string => text.slice(traceParentAt.parent, traceParentAt.flags - 1);

/** Null: there is none, or there are several. */
function theOnly(fields: Fields, name: string): string | null {
  let value: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    if (value !== null) return null;
    value = fields[i + 1] as string;
  }
  return value;
}

/** @param flags those of `traceFlags` */
export function traceParentOf(traceId: string, spanId: string, flags: number): string {
  return `00-${traceId}-${spanId}-0${flags}`;
}

/** Keys by the grammar of level 2, which takes in that of level 1. */
const member = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const membersMax = 32;
/** Up to this many characters a state always travels on. */
const stateMaxChars = 512;
/** If a state is longer than that, members of more than this go first. */
const memberMaxChars = 128;

/**
 * All `tracestate` fields as one; empty: there are none, or they are not valid. One that is longer than 512 characters
 * loses whole members until it is not: first those above 128 characters, then the ones at its end.
 */
export function traceStateIn(fields: Fields): string {
  if (fieldOf(fields, 'tracestate') === null) return '';
  const members = fieldsOf(fields, 'tracestate')
    .join(',')
    .split(',')
    .map((one) => one.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((one) => one !== '');
  const keys = new Set(members.map((one) => one.slice(0, one.indexOf('='))));
  if (members.length > membersMax || keys.size < members.length) return '';
  return members.every((one) => member.test(one)) ? shortened(members).join(',') : '';
}

function shortened(members: readonly string[]): readonly string[] {
  const left = [...members];
  const isTooLong = (): boolean => left.join(',').length > stateMaxChars;
  for (let i = left.length - 1; i >= 0 && isTooLong(); i--) {
    if ((left[i] as string).length > memberMaxChars) left.splice(i, 1);
  }
  while (isTooLong()) left.pop();
  return left;
}
