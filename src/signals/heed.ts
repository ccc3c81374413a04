/** What answers announce: fields that say that nothing, or little, is left of a limit, before anything is refused. */
import type { EndpointClass } from '../exchange/route.ts';
import type { Signal } from '../exchange/signal.ts';
import { type Fields, fieldsOf } from '../http/fields.ts';
import { readDocument } from '../http/pointer.ts';
import { memberOf, parametersOf } from '../http/structured.ts';
import { pass, type RetryPolicy } from '../upstream/retry-policy.ts';
import { longest, regainMs, type TimeForm, timeMs } from './times.ts';

export type HeedRule = {
  /** What pauses, as with a signal. */
  readonly of: 'class' | 'bucket';
  /** The longest pause, milliseconds. */
  readonly mostMs: number;
} & (
  | { readonly by: 'remaining'; readonly remaining: string; readonly reset: string; readonly as: TimeForm }
  /** `RateLimit` of the IETF (draft-ietf-httpapi-ratelimit-headers), in its present form and that of draft 07. */
  | { readonly by: 'structured'; readonly name: string }
  /** More than `above` percent are used; `ms`: for how long, where the field does not say. */
  | { readonly by: 'usage'; readonly name: string; readonly above: number; readonly ms: number }
);

/**
 * A policy that judges as `policy` does, and heeds what is announced in answers that it lets pass.
 * @param ofClass the rules of single classes, which count besides those of all
 */
export function createHeed(
  ofAll: readonly HeedRule[],
  ofClass: ReadonlyMap<EndpointClass, readonly HeedRule[]>,
  policy: RetryPolicy,
  wallMs: () => number,
): RetryPolicy {
  const byClass = new Map([...ofClass].map(([name, rules]) => [name, [...rules, ...ofAll]] as const));
  return {
    answered(request, status, fields, body) {
      const verdict = policy.answered(request, status, fields, body);
      if (verdict !== pass) return verdict;
      const rules = byClass.get(request.route.class) ?? ofAll;
      const signal = announced(rules, fields, wallMs);
      return signal === null ? pass : { kind: 'pass', signal };
    },
    failed: (request, sent, failure) => policy.failed(request, sent, failure),
  };
}

/** The longest pause that is announced; null: none is. */
export function announced(rules: readonly HeedRule[], fields: Fields, wallMs: () => number): Signal | null {
  let found: Signal | null = null;
  for (const rule of rules) {
    const pauseMs = Math.min(rule.mostMs, msBy(rule, fields, wallMs));
    if (pauseMs > (found?.pauseMs ?? 0)) found = { of: rule.of, pauseMs, bulk: false, as: null };
  }
  return found;
}

/** 0: there is something left, or nothing is said of when there will be. */
function msBy(rule: HeedRule, fields: Fields, wallMs: () => number): number {
  switch (rule.by) {
    case 'remaining':
      if (!fieldsOf(fields, rule.remaining).some(isNone)) return 0;
      return longest(fieldsOf(fields, rule.reset).map((value) => timeMs(value, rule.as, wallMs()))) ?? 0;
    case 'structured': {
      const asked = parametersOf(fields, rule.name).flatMap((item) => (isNone(item.get('r')) ? [item.get('t')] : []));
      if (isNone(memberOf(fields, rule.name, 'remaining'))) asked.push(memberOf(fields, rule.name, 'reset') ?? '');
      return longest(asked.map((value) => timeMs(value, 'seconds', 0))) ?? 0;
    }
    case 'usage': {
      const values = fieldsOf(fields, rule.name);
      if (!values.some((value) => percentIn(value) > rule.above)) return 0;
      return longest(values.map(regainMs)) ?? rule.ms;
    }
  }
}

/** Some APIs count in fractions: less than one is none. */
const isNone = (text: string | null | undefined): boolean =>
  typeof text === 'string' && /^\s*-?\d{1,16}(?:\.\d{1,9})?\s*$/.test(text) && Number(text) < 1;

const percentKeys = ['call_count', 'total_cputime', 'total_time'] as const;

/** The most that a field says is used: `39/40`, `97`, `97%`, or an object as in X-App-Usage. 0: it says nothing. */
function percentIn(value: string): number {
  const [, used, all] = /^\s*(\d{1,16}(?:\.\d{1,9})?)\s*(?:%|\/\s*(\d{1,16}))?\s*$/.exec(value) ?? [];
  if (used !== undefined) return all === undefined ? Number(used) : (100 * Number(used)) / Math.max(1, Number(all));
  const document = readDocument(value);
  if (typeof document !== 'object' || document === null) return 0;
  const uses = [document, ...Object.values(document).flat()].filter((use) => typeof use === 'object' && use !== null);
  const percents = uses.flatMap((use) => percentKeys.map((key) => (use as Record<string, unknown>)[key]));
  return Math.max(0, ...percents.filter((percent) => typeof percent === 'number'));
}
