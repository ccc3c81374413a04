/** What the gate of one bucket is made of, and what it shares with others. */
import type { RefusalName } from '../exchange/refusals.ts';
import type { ConcurrencyLimiter } from './concurrency/limiter.ts';
import type { ConcurrencyLimiters } from './concurrency/limiters.ts';
import type { GateLanes } from './lanes/gate-lanes.ts';
import type { Lanes } from './lanes/lanes.ts';
import type { ClassLimits } from './limits.ts';
import type { OperatorPauses } from './operator-pauses.ts';
import type { Pausing, PausingClass, PausingDeps } from './pausing.ts';
import type { Buckets } from './rate/ports.ts';
import type { Supply } from './rate/supply.ts';
import type { Order } from './stay.ts';
import type { Waiting, WaitingClass, WaitingDeps } from './waiting.ts';

export interface GateDeps extends Order, WaitingDeps, PausingDeps {
  readonly buckets: Buckets;
  readonly limiters: ConcurrencyLimiters;
  readonly operatorPauses: OperatorPauses;
}

/** What the gates of one endpoint class share (`gates.ts`). */
export interface GateClass extends WaitingClass, PausingClass {
  /** Null: the class has no narrow limits. */
  readonly lanes: Lanes | null;
  readonly limits: ClassLimits;
  readonly limiter: ConcurrencyLimiter;
  /** Nobody may wait any more: what the Coreapp sends back from now on is refused as well. */
  readonly refusing: RefusalName | null;
  /** Whether an operator has paused the class, or that caller. */
  pausedByOperator(caller: string): boolean;
  /** All of the class has been paused, which all of its gates have to know. */
  pumpOthers(gate: object): void;
}

export interface GateParts {
  readonly bucket: string;
  readonly ofClass: GateClass;
  readonly deps: GateDeps;
  readonly waiting: Waiting;
  readonly supply: Supply;
  readonly pausing: Pausing;
  /** Null: the class has no narrow limits. */
  readonly lanes: GateLanes | null;
}
