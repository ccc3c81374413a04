/** What an attempt is charged before anybody knows how much it will have used, and where its answer tells it. */
import type { Pointer } from '../http/pointer.ts';

/** A place in an answer. */
export type UsagePlace =
  /** The value of a field; `name` in lower case. */
  | { readonly by: 'field'; readonly name: string }
  /** The sum of the numbers that these lead to in a JSON body, or in the events of a stream: there the last ones count. */
  | { readonly by: 'body'; readonly pointers: readonly Pointer[] };

export interface Charge {
  /** For each limit whose answers settle it, the places that may tell how much it was: the first that does counts. */
  readonly toldIn: readonly (readonly UsagePlace[])[];
  /**
   * The attempt is over. Settled once: what comes later counts for nothing.
   * @param used for each limit; null: nobody knows, and what was charged stays
   */
  settle(used: readonly (number | null)[]): void;
  /** Nothing of the attempt was written: all that any narrow limit gave for it goes back. */
  unsent(): void;
}
