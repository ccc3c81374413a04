/** The place of a process among several that serve one port as one replica. */
import type { Page } from '../exchange/outcome.ts';

/**
 * How they share the port: each listens by itself (SO_REUSEPORT), Node's cluster module listens for all, or all accept from
 * one socket that was handed over.
 */
export type Sharing = 'reusePort' | 'cluster' | 'handedOver';

export interface WorkerPlace {
  readonly sharing: Sharing;
  /** What this one does about the admin: sees to the password and that there is one, only to the latter, or nothing. */
  readonly admin: 'set' | 'keep' | 'none';
  /** Tells the replica from others. */
  readonly instance: string;
  /** The replica's figures, as the profile shows them to its callers. */
  readonly figures: (format: 'json' | 'prometheus') => Promise<Page>;
}
