/** The things that the gates of one endpoint class share, and those that all gates are handed. */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../exchange/refusals.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { Meter } from '../observe/ports.ts';
import type { Shares } from '../shares/shares.ts';
import type { ClassPauses } from './class-pauses.ts';
import type { ConcurrencyLimiter } from './concurrency/limiter.ts';
import type { ConcurrencyLimiters } from './concurrency/limiters.ts';
import type { Lanes } from './lanes/lanes.ts';
import type { ClassLimits } from './limits.ts';
import type { OperatorPauses } from './operator-pauses.ts';
import type { Buckets } from './rate/ports.ts';
import type { Order, Waiter } from './stay.ts';
import type { TellPause } from './telling.ts';

export interface GateDeps extends Order {
  readonly clock: Clock;
  readonly meter: Meter;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The longest pause that a refusal of the Coreapp may impose, milliseconds. */
  readonly pauseMaxMs: number;
  /** Not there: there are no other replicas. */
  readonly tellPause?: TellPause;
  /** A one-way digest. */
  readonly digest: (text: string) => string;
  /** Whether the Coreapp tells paths apart that differ in case only. Not there: it does not. */
  readonly caseSensitivePaths?: boolean;
  readonly buckets: Buckets;
  readonly limiters: ConcurrencyLimiters;
  readonly operatorPauses: OperatorPauses;
}

/** What the gates of one endpoint class share (`gates.ts`). */
export interface GateClass {
  readonly name: EndpointClass;
  /** Counts those who wait, in all lines of the class. */
  readonly headcount: Shares;
  readonly pauses: ClassPauses;
  /** Null: the class has no narrow limits. */
  readonly lanes: Lanes | null;
  readonly limits: ClassLimits;
  readonly limiter: ConcurrencyLimiter;
  /** Nobody may wait any more: what the Coreapp sends back from now on is refused as well. */
  readonly refusing: RefusalName | null;
  /** Whether an operator has paused the class, or that caller. */
  pausedByOperator(caller: string): boolean;
  /** It is no longer parked in its lane, or no longer in the line that the lane let it go to. */
  leftLane(waiter: Waiter): void;
  /** All of the class has been paused, which all of its gates have to know. */
  pumpOthers(gate: object): void;
}
