/** The settings `throttled` and `heed`: by what the upstream says "too fast", or that it soon will (`src/signals/`). */
import { z } from 'zod';
import { pointerForm, readPointer } from '../http/pointer.ts';
import { durationMs } from '../signals/durations.ts';
import type { HeedRule } from '../signals/heed.ts';
import type { SignalRule } from '../signals/signals.ts';
import { type PauseRule, timeForms } from '../signals/times.ts';
import { readValues, type Values } from '../signals/values.ts';
import { answerField, listOf, object, oneOrMore, whole } from './kinds.ts';
import { setting } from './setting.ts';

/** The longest pause that can be configured, milliseconds: an hour. */
const pauseMaxMs = 3_600_000;

const statusWords = 'a status from 300 to 599, 4xx or 5xx, or a list of such';
const statusCode = z.union([whole(300, 599, statusWords), z.enum(['3xx', '4xx', '5xx'])], { error: statusWords });
const warnWords = 'a text for the log, up to 200 characters';
const plainWords = 'a text, a number, a range such as 200..299, true or false, or a list of such';
const plain = z.union([z.string(), z.number(), z.boolean()]);
const pointer = z.string().max(256).regex(pointerForm, { error: 'a JSON pointer such as /error/code (RFC 6901)' });
const duration = z.string().refine((text) => between(durationMs(text)), { error: 'a time up to 1 h, such as 2 s' });
const growth = z.string().regex(/^[1-9]\d*(?:\.\d+)?\^n (?:ms|s|min)$/, {
  error: 'a growing time such as 4^n s, where n counts the refusals of a request by this rule',
});
const as = z.enum(timeForms).default('auto');

const between = (ms: number | null): boolean => ms !== null && ms > 0 && ms <= pauseMaxMs;

const pauseWords =
  'a time such as 2 s, {header: retry-after}, {body: /retry_after}, {grow: 4^n s} or {usage: x-app-usage}, or a list of such';
const pauseForm = z.union([
  duration,
  z.strictObject({ header: answerField, as }),
  z.strictObject({ body: pointer, as }),
  z.strictObject({ grow: growth, atMost: duration.default('1 min') }),
  z.strictObject({ usage: answerField }),
]);

const ofWords = 'one of class, bucket, request, also 1 (the first of the narrow limits under also), also 2, …';
const asWords = 'the status that callers are to see, from 400 to 599';

const signal = object({
  status: oneOrMore(statusCode, statusWords),
  body: z.record(pointer, oneOrMore(plain, plainWords)).default({}),
  fields: z.record(answerField, oneOrMore(plain, plainWords)).default({}),
  of: z
    .union([z.enum(['class', 'bucket', 'request']), z.string().regex(/^also [1-9]$/, { error: ofWords })], {
      error: ofWords,
    })
    .default('bucket'),
  pause: oneOrMore(pauseForm, pauseWords).default([{ header: 'retry-after', as: 'auto' }]),
  as: whole(400, 599, asWords).nullable().default(null),
  // Bounds what the upstream asks for.
  atMost: duration.default('1 h'),
  // biome-ignore lint/suspicious/noThenProperty: it is the word of the configuration, and nobody awaits a rule.
  then: z.enum(['replay', 'pass', 'alarm'], { error: 'one of replay, pass, alarm' }).default('replay'),
  warn: z
    .string({ error: warnWords })
    .min(1, { error: warnWords })
    .max(200, { error: warnWords })
    .nullable()
    .default(null),
});

const percent = { error: 'a percentage from 1 to 100' };

const heeded = object({
  remaining: z.exactOptional(answerField),
  reset: z.exactOptional(answerField),
  as,
  structured: z.exactOptional(answerField),
  usage: z.exactOptional(answerField),
  above: z.number(percent).min(1, percent).max(100, percent).default(90),
  pause: duration.default('1 min'),
  of: z.enum(['class', 'bucket'], { error: 'one of class, bucket' }).default('bucket'),
  atMost: duration.default('1 h'),
}).refine(
  ({ remaining, reset, structured, usage }) =>
    (remaining === undefined) === (reset === undefined) &&
    [remaining, structured, usage].filter((name) => name !== undefined).length === 1,
  { error: 'one of remaining with reset, structured, and usage' },
);

type SignalGiven = z.output<typeof signal>;

const wanted =
  'a list of rules such as {status: 429, body: {/error/code: [4, 17]}, of: class, pause: {header: retry-after}, then: replay}';

const heedWanted =
  'a list of rules such as {remaining: x-ratelimit-remaining, reset: x-ratelimit-reset}, {structured: ratelimit} or {usage: x-app-usage, above: 90, pause: 1 min}';

const signalList = () => z.array(signal).max(100);
const heedList = () => z.array(heeded).max(100);

export const throttled = setting(signalList().default([]), {
  description:
    'By what answers say "too fast", besides 429 and 503, and for how long to wait: for all classes. Of the rules whose status, fields and body fit, the first counts; those of a class (limits.<class>.throttled) go before these.',
  wanted,
});

export const heed = setting(heedList().default([]), {
  description:
    'Fields of answers that say that a limit of the upstream is used up, or nearly, before anything is refused: what shares it pauses until there is more. For all classes, besides those of a class (limits.<class>.heed).',
  wanted: heedWanted,
});

/** For one class; under `default` for those that have none. */
export const signalsOfClass = {
  throttled: setting(z.exactOptional(signalList()), {
    description: 'Rules as under throttled, which go before those.',
    wanted,
  }),
  heed: setting(z.exactOptional(heedList()), {
    description: 'Rules as under heed, besides those.',
    wanted: heedWanted,
  }),
};

export function heedOf(given: readonly z.output<typeof heeded>[]): readonly HeedRule[] {
  return given.map(({ remaining, reset, as: form, structured, usage = '', above, pause, of, atMost }) => {
    const common = { of, mostMs: durationMs(atMost) as number };
    if (remaining !== undefined && reset !== undefined) {
      const names = { remaining: remaining.toLowerCase(), reset: reset.toLowerCase() };
      return { ...common, by: 'remaining', ...names, as: form };
    }
    if (structured !== undefined) return { ...common, by: 'structured', name: structured.toLowerCase() };
    return { ...common, by: 'usage', name: usage.toLowerCase(), above, ms: durationMs(pause) as number };
  });
}

export function signalsOf(given: readonly SignalGiven[]): readonly SignalRule[] {
  return given.map((one) => ({
    status: listOf(one.status).flatMap(statusesOf),
    body: Object.entries(one.body).map(([path, values]) => ({ pointer: readPointer(path), values: valuesOf(values) })),
    fields: Object.entries(one.fields).map(([name, values]) => ({
      name: name.toLowerCase(),
      values: valuesOf(values),
    })),
    of: one.of.startsWith('also ') ? Number(one.of.slice(5)) : (one.of as Exclude<SignalRule['of'], number>),
    pause: listOf(one.pause).map(pauseOf),
    as: one.as,
    mostMs: durationMs(one.atMost) as number,
    // biome-ignore lint/suspicious/noThenProperty: as above.
    then: one.then,
    warn: one.warn,
  }));
}

const valuesOf = (given: unknown): Values => readValues(listOf(given));

/** `4xx` are all of them. */
function statusesOf(given: number | string): number[] {
  if (typeof given === 'number') return [given];
  return Array.from({ length: 100 }, (_, i) => 100 * Number(given[0]) + i);
}

function pauseOf(form: z.output<typeof pauseForm>): PauseRule {
  if (typeof form === 'string') return { by: 'fixed', ms: durationMs(form) as number };
  if ('header' in form) return { by: 'field', name: form.header.toLowerCase(), as: form.as };
  if ('body' in form) return { by: 'body', pointer: readPointer(form.body), as: form.as };
  if ('usage' in form) return { by: 'usage', name: form.usage.toLowerCase() };
  const [base, unit] = form.grow.split('^n ');
  return {
    by: 'growth',
    base: Number(base),
    ms: durationMs(`1 ${unit}`) as number,
    mostMs: durationMs(form.atMost) as number,
  };
}
