/** Collect: hold the whole body before the request stands in line, so that it can be sent more than once. */
import type { Collected, Identified } from '../model/exchange.ts';
import { collected } from '../model/exchange.ts';
import type { Gone } from '../model/outcome.ts';
import { gone } from '../model/outcome.ts';
import type { Refusal } from '../model/refusals.ts';
import { refuse } from '../model/refusals.ts';
import type { Caller } from '../ports.ts';

export async function collect(
  exchange: Identified,
  side: Caller,
  bodyMaxBytes: number,
): Promise<Collected | Refusal | Gone> {
  if (side.bodyBytes === 0) return collected(exchange, null);
  const read = await side.read(bodyMaxBytes);
  switch (read.kind) {
    case 'body':
      return collected(exchange, read.body);
    case 'tooLarge':
      return refuse('bodyTooLarge', `The body is larger than ${bodyMaxBytes} bytes.`);
    case 'tooSlow':
      return refuse('requestTimeout');
    case 'gone':
      return gone;
  }
}
