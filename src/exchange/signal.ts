/** What an answer said of a limit of the upstream's, by a rule of the configuration (`src/signals/`). */
export interface Signal {
  /**
   * What is to pause: all of the class, the bucket that the request used, the request alone; or, as a number from 1 on,
   * its lane of that narrow limit (`also`), and the request alone where it has none.
   */
  readonly of: 'class' | 'bucket' | 'request' | number;
  /** For how long, milliseconds; 0: it did not say. */
  readonly pauseMs: number;
  /** The status with which a caller is told of the answer; null: its own. */
  readonly as: number | null;
  /** True: only what is least urgent pauses (`bulkUrgency`). */
  readonly bulk: boolean;
  /** What operators are to know of it; not there: nothing. */
  readonly warn?: string;
}
