/**
 * The settings under `limits`: one section for each endpoint class, all with the same settings (`admission/limits.ts`),
 * and the patterns of the requests that belong to it.
 */
import { z } from 'zod';
import { type ClassLimits, type LimitRow, limitRows } from '../admission/limits.ts';
import { readScope, type Scope } from '../admission/rate/scope.ts';
import { defaultClass, type EndpointClass } from '../exchange/route.ts';
import { type Pattern, readPattern } from '../http/patterns.ts';
import type { HeedRule } from '../signals/heed.ts';
import type { SignalRule } from '../signals/signals.ts';
import { explainPattern, requestPattern, scope, whole } from './kinds.ts';
import { narrowLimitOf, narrowLimits } from './narrow-limits.ts';
import { section, setting } from './setting.ts';
import { heedOf, signalsOf, signalsOfClass } from './signals.ts';

type Row<Kind extends z.ZodType> = LimitRow<z.util.NoUndefined<z.output<Kind>>>;

const told = ({ text, wanted }: LimitRow<unknown>) => ({ description: text, ...(wanted !== undefined && { wanted }) });

/** In the class `default` every setting has a value. */
const full = <Kind extends z.ZodType>(kind: Kind, row: Row<Kind>) => setting(kind.default(row.default), told(row));

/** In another class a setting without a value follows `default`. */
const own = <Kind extends z.ZodType>(kind: Kind, row: Row<Kind>) => setting(z.exactOptional(kind), told(row));

const number = (min: number, max: number) => z.number().min(min).max(max);

const everyClass = section({
  ...limitRows({
    number: (min, max, row) => full(number(min, max), row),
    whole: (min, max, row) => full(whole(min, max), row),
    flag: (row) => full(z.boolean(), row),
    scope: (row) => full(scope(), row),
    also: (row) => setting(narrowLimits().default([]), told(row)),
  }),
  ...signalsOfClass,
});

const oneClass = section({
  match: setting(z.exactOptional(z.array(requestPattern()).min(1).max(100)), {
    description:
      'Which requests belong to the class: a method or *, and a path, in which {name} stands for any one segment, and /** at the end for all that is below; before the path a host, where that matters. Of patterns in several classes the most exact one decides.',
    explain: explainPattern,
    wanted: 'a list such as ["POST /v2/orders", "* /v2/orders/{id}/**", "GET api.example.com/v2/**"]',
  }),
  ...signalsOfClass,
  ...limitRows({
    number: (min, max, row) => own(number(min, max), row),
    whole: (min, max, row) => own(whole(min, max), row),
    flag: (row) => own(z.boolean(), row),
    scope: (row) => own(scope(), row),
    also: (row) => setting(z.exactOptional(narrowLimits()), told(row)),
  }),
});

export const limits = z.object({ default: everyClass }).catchall(oneClass).prefault({});

export type Limits = Readonly<Record<EndpointClass, ClassLimits>>;

/** Which requests belong to a class other than `default`. */
export type Classes = readonly (readonly [pattern: Pattern, name: EndpointClass])[];

type Given = z.output<typeof limits>;
type ClassGiven = z.output<typeof oneClass>;

const othersOf = ({ default: _, ...others }: Given): [EndpointClass, ClassGiven][] => Object.entries(others);

/** A setting that a class leaves out is as in `default`, which comes last. */
const wholeOf = (given: Given) =>
  [...othersOf(given), [defaultClass, {}] as const].map(
    ([name, written]: readonly [EndpointClass, ClassGiven]) => [name, { ...given.default, ...written }] as const,
  );

export function limitsOf(given: Given): Limits {
  return Object.fromEntries(
    wholeOf(given).map(([name, { match: _, throttled: __, heed: ___, ...whole }]) => {
      // The schema takes no other texts.
      return [name, { ...whole, also: whole.also.map(narrowLimitOf), scope: readScope(whole.scope) as Scope }];
    }),
  );
}

/** Rules of single classes. */
type ByClass<Rule> = ReadonlyMap<EndpointClass, readonly Rule[]>;

/** Rules of all classes, and those of single ones. */
export interface RulesOf<Rule> {
  readonly all: readonly Rule[];
  readonly byClass: ByClass<Rule>;
}

/** What single classes say of answers that mean "too fast". */
export function signalsByClass(given: Given): ByClass<SignalRule> {
  return byClass(wholeOf(given).map(([name, { throttled = [] }]) => [name, signalsOf(throttled)]));
}

/** The same of what answers announce. */
export function heedByClass(given: Given): ByClass<HeedRule> {
  return byClass(wholeOf(given).map(([name, { heed = [] }]) => [name, heedOf(heed)]));
}

function byClass<Rule>(all: readonly (readonly [EndpointClass, readonly Rule[]])[]): ByClass<Rule> {
  return new Map(all.filter(([, rules]) => rules.length > 0));
}

/** @param caseSensitive the upstream tells paths apart that differ in case only */
export function classesOf(given: Given, caseSensitive: boolean): Classes {
  return othersOf(given).flatMap(([name, { match = [] }]) =>
    match.map((text) => [readPattern(text, caseSensitive), name] as const),
  );
}
