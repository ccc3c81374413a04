/** What an attempt at the Coreapp needs, and the request's fields as they travel on. */
import type { AnswerBudget } from '../bodies/answers.ts';
import type { Clock } from '../clock.ts';
import type { Admitted } from '../exchange/exchange.ts';
import type { RouteClass } from '../exchange/route.ts';
import { addForwarded } from '../http/forwarded.ts';
import { type OwnFields, travelling } from '../http/own-fields.ts';
import type { Meter } from '../observe/ports.ts';
import type { Coreapp } from './ports.ts';
import type { Reachability } from './reachability.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface ForwardDeps {
  readonly clock: Clock;
  readonly coreapp: Coreapp;
  readonly meter: Meter;
  readonly reachability: Reachability;
  /** Where answers wait for callers who take them slowly. */
  readonly answers: AnswerBudget;
  /** The value of `Authorization` towards the Coreapp; null: none. */
  readonly authorization: string | null;
  /** The fields that are Weir's to write or to take out. */
  readonly own: OwnFields;
  readonly retryPolicy: RetryPolicy;
  /** The classes whose requests are never held: whatever comes of the first attempt is told at once. */
  readonly notHeld: readonly RouteClass[];
  /** Whether callers are told where the time went. */
  readonly serverTiming: boolean;
}

/** The fields of the request as the Coreapp gets it. */
export function requestFields(exchange: Admitted, { own, authorization }: ForwardDeps): string[] {
  const out = travelling(exchange.fields, exchange.origin.trusted, own);
  addForwarded(out, exchange.origin, exchange.fields, own.via);
  out.push('X-Request-Id', exchange.id);
  if (authorization !== null) out.push('Authorization', authorization);
  return out;
}
