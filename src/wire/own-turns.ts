/**
 * Turns for the answers that are Weir's own. No limit holds them back, so one caller's could fill every turn of the
 * event loop, and all others would be late by them: few are given in one turn of the loop, and one to each network.
 */
import { Turns } from '../shares/turns.ts';

/** Its networks take turns, and a network's requests; how many can wait is bounded by the open connections. */
const bounds = { max: 2, maxEach: 1, waitersMax: Number.POSITIVE_INFINITY };

export class OwnTurns {
  readonly #turns = new Turns(bounds);
  readonly #nextTurn: (call: () => void) => void;

  /** @param nextTurn calls back in the next turn of the loop */
  constructor(nextTurn: (call: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  /** Null: now. A promise: in a later turn of the loop. */
  enter(network: string): null | Promise<void> {
    const entered = this.#turns.enter(network);
    if (!(entered instanceof Promise)) {
      this.#leave(network);
      return null;
    }
    return entered.then(() => this.#leave(network));
  }

  #leave(network: string): void {
    this.#nextTurn(() => this.#turns.leave(network));
  }
}
