/** What an operator has ordered of a running Weir. All of it is JSON, and ends by itself. */
import type { EndpointClass } from '../exchange/route.ts';

/** What is in force for a while. A caller is named as `nameOf(principal)` does. */
export type StandingOrder =
  | { readonly kind: 'pauseClass'; readonly class: EndpointClass }
  | { readonly kind: 'pauseCaller'; readonly caller: string }
  | { readonly kind: 'limit'; readonly class: EndpointClass; readonly rate: number; readonly burst: number }
  | { readonly kind: 'drain'; readonly replica: string };

/** What is done once, to requests that wait. */
export type OnceOrder =
  | { readonly kind: 'endRequest'; readonly request: string }
  | { readonly kind: 'endCaller'; readonly caller: string }
  | { readonly kind: 'first'; readonly request: string };

/** The latest word about one thing. */
export interface Word {
  readonly order: StandingOrder;
  /** When it was given, milliseconds since 1970-01-01 UTC: of two words about one thing the later one counts. */
  readonly at: number;
  /** When it ends, likewise. */
  readonly until: number;
  /** The order is over already. It is remembered so that an older word does not bring it back. */
  readonly lifted: boolean;
}

/** Longer than a day no order is in force: a forgotten one must not surprise anybody. */
export const ordersMaxMs = 86_400_000;
/** How many there may be at a time. */
export const ordersMax = 1_000;

/** What an order is about. */
export function subjectOf(order: StandingOrder): string {
  switch (order.kind) {
    case 'pauseClass':
      return `pause class ${order.class}`;
    case 'pauseCaller':
      return `pause caller ${order.caller}`;
    case 'limit':
      return `limit ${order.class}`;
    case 'drain':
      return `drain ${order.replica}`;
  }
}

/** Whom an order reaches: all replicas that share a Redis, or this one. */
type Reach = 'fleet' | 'replica';

export interface SteeringView {
  readonly reach: Reach;
  readonly inForce: readonly {
    readonly order: StandingOrder;
    readonly leftMs: number;
  }[];
}

/** What is in force after an order was ended. */
export interface LiftedView extends SteeringView {
  /** False: there was nothing to end here. Other replicas are told all the same: they may have what this one missed. */
  readonly wasInForce: boolean;
}

/** What became of an order that is done once. */
export interface Done {
  /** How many requests of this replica it concerned. */
  readonly requests: number;
  /** Other replicas were told as well. */
  readonly reach: Reach;
}
