/** Collect: keep the whole body before the request stands in line, so that it can be sent more than once. */
import type { BodyRead } from '../exchange/bodies.ts';
import { type Collected, collected, type Identified } from '../exchange/exchange.ts';
import { type Gone, gone } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import { type Refusal, refuse } from '../exchange/refusals.ts';
import type { BodyAllocation } from './body-allocation.ts';
import type { BodyBudget } from './body-budget.ts';

/** What bounds the bodies of a class. */
export interface BodyBounds {
  /** The largest that is accepted. */
  readonly bodyMaxBytes: number;
  /** What all of them together may take. */
  readonly bodies: BodyBudget;
  /** When a request should come back if there is no room for its body. */
  retryAfterMs(): number;
}

type Collection = Collected | Refusal | Gone;

/**
 * @param allocation what the body takes of `bounds.bodies`: to be released when the request has ended, however it did
 */
export function collect(
  exchange: Identified,
  downstream: Downstream,
  bounds: BodyBounds,
  allocation: BodyAllocation,
): Collection | Promise<Collection> {
  if (downstream.bodyBytes === 0) return collected(exchange, null);
  const read = downstream.read(bounds.bodyMaxBytes, allocation);
  if (!(read instanceof Promise)) return collectionOf(exchange, read, bounds, allocation);
  return read.then((whole) => collectionOf(exchange, whole, bounds, allocation));
}

function collectionOf(
  exchange: Identified,
  read: BodyRead,
  bounds: BodyBounds,
  allocation: BodyAllocation,
): Collection {
  switch (read.kind) {
    case 'body':
      return collected(exchange, read.body);
    case 'tooLarge':
      return refuse('bodyTooLarge', `The body is larger than ${bounds.bodyMaxBytes} bytes.`);
    case 'noRoom':
      return refuse('lineFull', `There is no room for the body: ${whyNoRoom(allocation)}.`, bounds.retryAfterMs());
    case 'notKept':
      return refuse('diskFailed', null, bounds.retryAfterMs());
    case 'tooSlow':
      return refuse('requestTimeout');
    case 'gone':
      return gone;
  }
}

function whyNoRoom({ lack }: BodyAllocation): string {
  switch (lack) {
    case 'class':
      return 'other bodies take all of it';
    case 'reserve':
      return 'other bodies take most of it, and what is left is for small ones';
    case 'caller':
      return 'other bodies of this caller take all that it may have beside other callers';
    case 'slow':
      return 'it came slowly, and gave way to a quicker one';
    case 'disk':
      return 'other bodies take all of the disk';
    case 'callerDisk':
      return 'other bodies of this caller take all that it may have of the disk';
  }
}
