/**
 * A close that has arrived already is among the events that this turn of the event loop does not see any more. So a
 * connection that was free before this turn is written to only when the next turn has looked: then its close has been
 * noticed, and the call takes another one.
 */
import type { Connection } from './connection.ts';

export class Looks {
  #turn = 0;
  #armed = false;
  #now: Connection[] = [];
  #next: Connection[] = [];

  /** The present turn of the event loop. */
  turn(): number {
    this.#arm();
    return this.#turn;
  }

  /** Writes the connection's request when it has been looked at. */
  at(connection: Connection): void {
    if (connection.freedIn === this.#turn) {
      connection.begin();
      return;
    }
    this.#next.push(connection);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#look);
  }

  /** Runs behind the events of a turn. Those that joined in it are for the next one to look at. */
  readonly #look = (): void => {
    this.#armed = false;
    this.#turn += 1;
    const looked = this.#now;
    this.#now = this.#next;
    this.#next = [];
    if (this.#now.length > 0) this.#arm();
    for (const connection of looked) if (connection.state === 'reserved') connection.begin();
  };
}
