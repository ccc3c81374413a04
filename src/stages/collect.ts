/** Collect: hold the whole body before the request stands in line, so that it can be sent more than once. */
import type { Collected, Identified } from '../model/exchange.ts';
import { collected } from '../model/exchange.ts';
import type { Gone } from '../model/outcome.ts';
import { gone } from '../model/outcome.ts';
import type { Refusal } from '../model/refusals.ts';
import { refuse } from '../model/refusals.ts';
import type { BodyRead, Caller } from '../ports.ts';

type Collection = Collected | Refusal | Gone;

export function collect(exchange: Identified, side: Caller, bodyMaxBytes: number): Collection | Promise<Collection> {
  if (side.bodyBytes === 0) return collected(exchange, null);
  const read = side.read(bodyMaxBytes);
  if (!(read instanceof Promise)) return collectionOf(exchange, read, bodyMaxBytes);
  return read.then((whole) => collectionOf(exchange, whole, bodyMaxBytes));
}

function collectionOf(exchange: Identified, read: BodyRead, bodyMaxBytes: number): Collection {
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
