/** A request's place in line, and how it is told what standing there came to. */
import type { Collected } from '../model/exchange.ts';
import { Place } from '../model/line.ts';
import type { Admission } from '../model/outcome.ts';
import { nameOf } from '../model/principal.ts';
import type { Caller } from '../ports.ts';

export class Waiter extends Place<Waiter> {
  readonly exchange: Collected;
  readonly side: Caller;
  readonly settle: (admission: Admission) => void;
  readonly stoodSince: number;

  constructor(exchange: Collected, side: Caller, until: number, now: number, settle: (admission: Admission) => void) {
    super(nameOf(exchange.principal), exchange.account.joinedAt, until);
    this.exchange = exchange;
    this.side = side;
    this.stoodSince = now;
    this.settle = settle;
  }
}
