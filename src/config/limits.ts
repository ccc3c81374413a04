/**
 * The settings under `limits`: one section for each endpoint class, all with the same settings (`admission/limits.ts`).
 */
import { z } from 'zod';
import { type ClassLimits, type LimitRow, limitRows } from '../admission/limits.ts';
import { readScope, type Scope } from '../admission/rate/scope.ts';
import { type EndpointClass, endpointClasses } from '../exchange/route.ts';
import { scope, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

type Row<Kind extends z.ZodType> = LimitRow<z.util.NoUndefined<z.output<Kind>>>;

const told = ({ text, wanted }: LimitRow<unknown>) => ({ description: text, ...(wanted !== undefined && { wanted }) });

/** In the class `default` every setting has a value. */
const full = <Kind extends z.ZodType>(kind: Kind, row: Row<Kind>) => setting(kind.default(row.default), told(row));

/** In another class a setting without a value follows `default`. */
const own = <Kind extends z.ZodType>(of: EndpointClass, kind: Kind, row: Row<Kind>) => {
  const value = row.own?.[of];
  return setting(z.exactOptional(value === undefined ? kind : kind.default(value)), told(row));
};

const number = (min: number, max: number) => z.number().min(min).max(max);

const everyClass = section(
  limitRows({
    number: (min, max, row) => full(number(min, max), row),
    whole: (min, max, row) => full(whole(min, max), row),
    flag: (row) => full(z.boolean(), row),
    scope: (row) => full(scope(), row),
  }),
);

const oneClass = (of: EndpointClass) =>
  section(
    limitRows({
      number: (min, max, row) => own(of, number(min, max), row),
      whole: (min, max, row) => own(of, whole(min, max), row),
      flag: (row) => own(of, z.boolean(), row),
      scope: (row) => own(of, scope(), row),
    }),
  );

const otherClasses = endpointClasses.filter((name) => name !== 'default');

export const limits = section({ default: everyClass, ...keyed(otherClasses, oneClass) });

export type Limits = Readonly<Record<EndpointClass, ClassLimits>>;

/** A setting that a class leaves out is as in `default`. */
export function limitsOf(given: z.output<typeof limits>): Limits {
  return keyed(endpointClasses, (name) => {
    const written = { ...given.default, ...given[name] };
    return { ...written, scope: readScope(written.scope) as Scope }; // The schema takes no other text.
  });
}

function keyed<Name extends string, Value>(names: readonly Name[], make: (name: Name) => Value): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, Value>;
}
