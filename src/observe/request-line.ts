/** What the log says of a request. */
import type { CutCause } from '../exchange/outcome.ts';
import type { Principal } from '../exchange/principal.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { RouteClass } from '../exchange/route.ts';
import type { Fields } from '../http/fields.ts';

/** The fields that the line of a request can have (`log.fields`), in their order. */
export const requestFields = [
  'requestId',
  'trace_id',
  'class',
  'principal',
  'method',
  'path',
  'status',
  'remote',
  'heldMs',
  'coreappMs',
  'totalMs',
  'attempts',
  'bytesOut',
  'refusal',
  'bytesIn',
  'host',
  'userAgent',
  'classRate',
  'cut',
] as const;
export type RequestField = (typeof requestFields)[number];

/**
 * Why a request or its answer ended early. `callerGone`: the caller hung up. `bodySlow`: its body came too slowly, or
 * not at all.
 */
export type EarlyEnd = CutCause | 'callerGone' | 'bodySlow';

export interface RequestLine {
  readonly id: string;
  /** Null: it belongs to no trace that is known. */
  readonly traceId: string | null;
  /** Weir's own span of it; null: it has none. */
  readonly spanId: string | null;
  readonly class: RouteClass | 'none';
  readonly principal: Principal | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly remote: string;
  readonly heldMs: number;
  readonly coreappMs: number;
  readonly totalMs: number;
  readonly attempts: number;
  readonly bytesOut: number;
  readonly refusal: RefusalName | null;
  /** Bytes of the request's body that were read. */
  readonly bytesIn: number;
  /** Its header fields: the line has some of them, and most lines need none. */
  readonly fields: Fields;
  /** The limit of its class, requests a second; null: it has none. */
  readonly classRate: number | null;
  /** Null: it came to its end. */
  readonly cut: EarlyEnd | null;
}
