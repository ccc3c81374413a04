/** How replicas tell one another of pauses: in the channel of revocations, as JSON. */

import { z } from 'zod';
import type { PauseNotice } from '../../admission/telling.ts';
import { readFromOthers } from './replica-message.ts';

/** A longer answer is not told to other replicas: their callers get Weir's words. */
const answerMaxBytes = 8_192;
/** As long as a rule may ask for (`config/signals.ts`), milliseconds. */
const pauseMaxMs = 3_600_000;

/** It is written into answers, so nothing may stand in it that could end a field. */
const line = z.string().regex(/^[^\r\n\0]*$/);

const form = z.object({
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
  const read = readFromOthers(form, own, text);
  if (read === null) return null;
  const { from: _, answer, ...notice } = read;
  return { ...notice, answer: answer === null ? null : { ...answer, body: Buffer.from(answer.body, 'base64') } };
}

/** They are one caller's. */
function withoutCookies(fields: readonly string[]): string[] {
  return fields.filter((_, i) => fields[i - (i % 2)]?.toLowerCase() !== 'set-cookie');
}
