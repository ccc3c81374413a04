/** The settings under `limits.<class>.also`: limits that bind a request besides that of its class. */
import { z } from 'zod';
import type { Cost } from '../admission/lanes/cost.ts';
import type { NarrowLimit } from '../admission/lanes/lanes.ts';
import { readScope, type Scope } from '../admission/rate/scope.ts';
import type { UsagePlace } from '../exchange/charge.ts';
import { readPointer } from '../http/pointer.ts';
import { answerField, bodyPointer, listOf, object, oneOrMore, whole } from './kinds.ts';

const scopeWords =
  'fleet, principal, header:<Field-Name>, query:<name>, body:<JSON pointer>, path:<template>, or several with " + " between';
const rateWords = 'a number from 0.0001 to 1000000, tokens a second, or serial: true without a rate';
const burstWords = 'a whole number from 1 to 100000000';
const perByteWords = 'a number from 0 to 1000, tokens for each byte of the body';
const otherwiseWords = 'a number from 0 to 100000000, tokens';
const pointerWords =
  'a JSON pointer such as /max_tokens (RFC 6901), or a list of such, of which the first that is there counts';
const toldWords =
  '{body: /usage/total_tokens}, {body: "/usage/input_tokens + /usage/output_tokens"} or {field: x-tokens-used}, or a list of such';

const pointer = bodyPointer(pointerWords);
const sum = z
  .string({ error: toldWords })
  .max(1_024)
  .refine((text) => text.split(' + ').every((part) => pointer.safeParse(part).success), { error: toldWords });

const between = (min: number, max: number, error: string) =>
  z.number({ error }).min(min, { error }).max(max, { error });

const cost = object({
  estimate: object({
    perByte: between(0, 1_000, perByteWords).default(0),
    plus: z.exactOptional(oneOrMore(pointer, pointerWords)),
    otherwise: between(0, 100_000_000, otherwiseWords).default(0),
  }).prefault({}),
  settle: z.exactOptional(
    oneOrMore(z.union([z.strictObject({ body: sum }), z.strictObject({ field: answerField })]), toldWords),
  ),
});

const narrowLimit = object({
  scope: z
    .string({ error: scopeWords })
    .max(512)
    .refine((text) => readScope(text) !== null, { error: scopeWords }),
  rate: between(0.0001, 1_000_000, rateWords).nullable().default(null),
  burst: whole(1, 100_000_000, burstWords).default(1),
  serial: z.boolean({ error: 'true or false' }).default(false),
  cost: cost.nullable().default(null),
})
  .refine(({ rate, serial }) => rate !== null || serial, { path: ['rate'], error: rateWords })
  .refine(({ rate, cost: tokens }) => rate !== null || tokens === null, {
    path: ['rate'],
    error: 'a number, tokens a second, where there is a cost',
  });

export const narrowLimits = () => z.array(narrowLimit).max(8);

/** @param given what the schema has let pass */
export function narrowLimitOf({ scope, cost: given, ...limit }: z.output<typeof narrowLimit>): NarrowLimit {
  return { ...limit, scope: readScope(scope) as Scope, cost: given === null ? null : costOf(given) };
}

function costOf({ estimate, settle }: z.output<typeof cost>): Cost {
  const { perByte, plus, otherwise } = estimate;
  return {
    estimate: { perByte, plus: listOf(plus).map(readPointer), otherwise },
    settle: listOf(settle).map(
      (place): UsagePlace =>
        'field' in place
          ? { by: 'field', name: place.field.toLowerCase() }
          : { by: 'body', pointers: place.body.split(' + ').map(readPointer) },
    ),
  };
}
