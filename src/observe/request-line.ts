/** What the log says of a request. */
import type { CutCause } from '../exchange/outcome.ts';
import type { Principal } from '../exchange/principal.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { RouteClass } from '../exchange/route.ts';

export interface RequestLine {
  readonly id: string;
  /** Null: it belongs to no trace that is known. */
  readonly traceId: string | null;
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
  /** Why the answer was cut off by Weir; null: it was not. */
  readonly cut: CutCause | null;
}
