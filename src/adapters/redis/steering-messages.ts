/** How replicas tell one another of an operator's orders: in the channel of revocations, as JSON. */

import { z } from 'zod';
import { type OnceOrder, ordersMax, ordersMaxMs, type Word } from '../../observe/steering.ts';
import { readFromOthers } from './replica-message.ts';

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

const form = z.object({ from: z.string(), words: z.array(word).max(ordersMax), once: once.nullable() });

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
  return readFromOthers(form, own, text);
}
