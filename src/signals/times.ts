/** How long a signal asks to wait, in the ways in which APIs say it. */
import { type Fields, fieldsOf } from '../http/fields.ts';
import { type Pointer, readDocument, valueAt } from '../http/pointer.ts';
import { retryAfterMs } from '../http/retry-after.ts';
import { durationMs } from './durations.ts';

/** How a number or text is to be read; `auto`: as its form and size suggest. */
export const timeForms = ['auto', 'seconds', 'ms', 'epoch', 'epochMs', 'date'] as const;
export type TimeForm = (typeof timeForms)[number];

/** One way to learn for how long. The first that yields a time counts. */
export type PauseRule =
  | { readonly by: 'fixed'; readonly ms: number }
  /** `name` in lower case. */
  | { readonly by: 'field'; readonly name: string; readonly as: TimeForm }
  | { readonly by: 'body'; readonly pointer: Pointer; readonly as: TimeForm }
  /** `base ** n` times `ms`, n being how often this request was refused before; at most `mostMs`. */
  | { readonly by: 'growth'; readonly base: number; readonly ms: number; readonly mostMs: number }
  /** The longest `estimated_time_to_regain_access` of a field such as X-Business-Use-Case-Usage, minutes. */
  | { readonly by: 'usage'; readonly name: string };

interface Asked {
  readonly fields: Fields;
  /** The document in the body; undefined: there is none. */
  readonly document: unknown;
  /** How often the request was refused before. */
  readonly refusals: number;
  readonly wallMs: number;
  /** Uniform in [0, 1): what was refused together does not come back together. */
  readonly random: number;
}

/** Milliseconds; 0: nothing was said. */
export function pauseMsOf(rules: readonly PauseRule[], asked: Asked): number {
  for (const rule of rules) {
    const ms = msBy(rule, asked);
    if (ms !== null && ms > 0) return ms;
  }
  return 0;
}

function msBy(rule: PauseRule, { fields, document, refusals, wallMs, random }: Asked): number | null {
  switch (rule.by) {
    case 'fixed':
      return rule.ms;
    case 'growth':
      return Math.min(rule.mostMs, rule.ms * rule.base ** Math.min(refusals, 64)) * (1 + random / 4);
    case 'field':
      return longest(fieldsOf(fields, rule.name).map((value) => timeMs(value, rule.as, wallMs)));
    case 'body':
      return timeMs(valueAt(document, rule.pointer), rule.as, wallMs);
    case 'usage':
      return longest(fieldsOf(fields, rule.name).map(regainMs));
  }
}

/** Null: none is known. */
export function longest(times: readonly (number | null)[]): number | null {
  const known = times.filter((ms) => ms !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Above it a number is an instant and no length of time: seconds since 1970, in 2001. */
const epochMin = 1e9;
/** The same in milliseconds. */
const epochMsMin = 1e12;

/** From now on; null: it is none. What is past is 0. */
export function timeMs(value: unknown, as: TimeForm, wallMs: number): number | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const text = String(value).trim();
  const number = /^\d{1,16}(?:\.\d{1,9})?$/.test(text) ? Number(text) : null;
  if (number === null) return as === 'auto' || as === 'date' ? textMs(text, wallMs) : null;
  switch (as === 'auto' ? formOf(number) : as) {
    case 'seconds':
      return number * 1_000;
    case 'ms':
      return number;
    case 'epoch':
      return Math.max(0, number * 1_000 - wallMs);
    case 'epochMs':
      return Math.max(0, number - wallMs);
    default:
      return null;
  }
}

function formOf(number: number): TimeForm {
  if (number >= epochMsMin) return 'epochMs';
  return number >= epochMin ? 'epoch' : 'seconds';
}

function textMs(text: string, wallMs: number): number | null {
  const ms = durationMs(text);
  if (ms !== null) return ms;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) {
    const date = Date.parse(text);
    return Number.isNaN(date) ? null : Math.max(0, date - wallMs);
  }
  const date = retryAfterMs(text, wallMs);
  return date > 0 ? date : null;
}

/** What X-Business-Use-Case-Usage says; null: nothing. */
export function regainMs(value: string): number | null {
  const document = readDocument(value);
  if (typeof document !== 'object' || document === null) return null;
  const minutes = Object.values(document)
    .flat()
    .map((use) => valueAt(use, ['estimated_time_to_regain_access']))
    .filter((time) => typeof time === 'number' && time > 0 && Number.isFinite(time));
  return minutes.length === 0 ? null : Math.max(...(minutes as number[])) * 60_000;
}
