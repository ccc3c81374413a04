/** How replicas tell one another of pauses, and of an operator's orders: in the channel of revocations, as JSON. */

import { z } from 'zod';
import type { PauseNotice } from '../../admission/telling.ts';
import { type OnceOrder, ordersMax, ordersMaxMs, type Word } from '../../observe/steering.ts';

/** A longer answer is not told to other replicas: their callers get Weir's words. */
const answerMaxBytes = 8_192;
/** As long as a rule may ask for (`config/signals.ts`), milliseconds. */
const pauseMaxMs = 3_600_000;

/** It is written into answers, so nothing may stand in it that could end a field. */
const line = z.string().regex(/^[^\r\n\0]*$/);

const noticeForm = z.object({
  from: z.string(),
  class: z.string(),
  bucket: z.string().nullable(),
  bulk: z.boolean(),
  ms: z.number().positive().max(pauseMaxMs),
  answer: z.object({ status: z.int().min(300).max(599), fields: z.array(line), body: z.base64() }).nullable(),
});

/** @param from the replica's own name */
export function noticeMessage(from: string, { answer, ...notice }: PauseNotice): string {
  const told =
    answer === null || answer.body.length > answerMaxBytes
      ? null
      : { ...answer, fields: withoutCookies(answer.fields), body: answer.body.toString('base64') };
  return JSON.stringify({ from, ...notice, answer: told });
}

/** Null: it is one's own, or one that this version does not know. */
export function readNotice(own: string, text: string): PauseNotice | null {
  const read = readFromOthers(noticeForm, own, text);
  if (read === null) return null;
  const { from: _, answer, ...notice } = read;
  return { ...notice, answer: answer === null ? null : { ...answer, body: Buffer.from(answer.body, 'base64') } };
}

/** They are one caller's. */
function withoutCookies(fields: readonly string[]): string[] {
  return fields.filter((_, i) => fields[i - (i % 2)]?.toLowerCase() !== 'set-cookie');
}

const name = z.string().min(1).max(512);

const order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pauseClass'), class: name }),
  z.object({ kind: z.literal('pauseCaller'), caller: name }),
  z.object({
    kind: z.literal('limit'),
    class: name,
    rate: z.number().min(0.001).max(1_000_000),
    burst: z.int().min(1).max(1_000_000),
  }),
  z.object({ kind: z.literal('drain'), replica: name }),
]);

const once = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('endRequest'), request: name }),
  z.object({ kind: z.literal('endCaller'), caller: name }),
  z.object({ kind: z.literal('first'), request: name }),
]);

const word = z
  .object({ order, at: z.number().positive(), until: z.number().positive(), lifted: z.boolean() })
  .refine(({ at, until }) => until - at <= ordersMaxMs);

const steeringForm = z.object({ from: z.string(), words: z.array(word).max(ordersMax), once: once.nullable() });

export interface SteeringMessage {
  readonly words: readonly Word[];
  readonly once: OnceOrder | null;
}

/** @param from the replica's own name */
export function steeringText(from: string, { words, once: one }: SteeringMessage): string {
  return JSON.stringify({ from, words, once: one });
}

/** Null: it is one's own, or one that this version does not know. */
export function readSteering(own: string, text: string): SteeringMessage | null {
  return readFromOthers(steeringForm, own, text);
}

function readFromOthers<Read extends { readonly from: string }>(
  form: z.ZodType<Read>,
  own: string,
  text: string,
): Read | null {
  const read = readAs(form, text);
  return read?.from === own ? null : read;
}

/** A message of another process. Null: this version does not know it. */
export function readAs<Read>(form: z.ZodType<Read>, text: string): Read | null {
  try {
    return form.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
