/** What an answer said of a limit of the upstream's, by a rule of the configuration (`src/signals/`). */
export interface Signal {
  /** What is to pause: all of the class, the bucket that the request used, or the request alone. */
  readonly of: 'class' | 'bucket' | 'request';
  /** For how long, milliseconds; 0: it did not say. */
  readonly pauseMs: number;
  /** The status with which a caller is told of the answer; null: its own. */
  readonly as: number | null;
  /** True: only what is least urgent pauses (`bulkUrgency`). */
  readonly bulk: boolean;
}
