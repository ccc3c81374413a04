/** How many tokens of a narrow limit a request takes: one, or an estimate from its body, which its answer settles. */
import { bytesOf } from '../../exchange/bodies.ts';
import type { UsagePlace } from '../../exchange/charge.ts';
import type { Collected } from '../../exchange/exchange.ts';
import { type Pointer, valueAt } from '../../http/pointer.ts';
import { documentOf } from '../rate/document.ts';

interface Estimate {
  /** Tokens for each byte of the body. */
  readonly perByte: number;
  /** The first of these that leads to a number in a JSON body is added … */
  readonly plus: readonly Pointer[];
  /** … or this, where none does. */
  readonly otherwise: number;
}

export interface Cost {
  readonly estimate: Estimate;
  /** The places where answers tell how much it was; the first that does counts. None: the estimate stays. */
  readonly settle: readonly UsagePlace[];
}

/**
 * A whole number from 1 to the burst. What would cost more than can ever be there goes with a full bucket, and owes the
 * rest once its answer has told it.
 */
export function estimated({ perByte, plus, otherwise }: Estimate, exchange: Collected, burst: number): number {
  const bytes = bytesOf(exchange.body);
  const added = plus.length === 0 ? otherwise : (firstNumber(plus, documentOf(exchange)) ?? otherwise);
  return Math.min(burst, Math.max(1, Math.ceil(perByte * bytes + added)));
}

/** How much one answer changes what is expected of the next. */
const weight = 0.1;

/** A limit's cost, and what part of their estimates its requests have used of late. */
export class Costing {
  readonly cost: Cost;
  /** Null: no answer has told anything yet. */
  #partUsed: number | null = null;

  constructor(cost: Cost) {
    this.cost = cost;
  }

  settled(charged: number, used: number): void {
    const part = used / charged;
    this.#partUsed = this.#partUsed === null ? part : this.#partUsed + weight * (part - this.#partUsed);
  }

  /**
   * How many of so many tokens will have been used up by those who wait. They are charged more and give it back, so that
   * others go before long; before anybody has, nobody is turned away for what may turn out too much.
   */
  expected(tokens: number): number {
    if (this.cost.settle.length === 0) return tokens;
    return tokens * Math.min(1, this.#partUsed ?? 0);
  }
}

function firstNumber(pointers: readonly Pointer[], document: unknown): number | null {
  for (const pointer of pointers) {
    const value = valueAt(document, pointer);
    if (typeof value === 'number' && value >= 0) return value;
  }
  return null;
}
