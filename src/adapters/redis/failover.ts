import type { Clock } from '../../clock.ts';
import type { Log } from '../../observe/ports.ts';
import { type RedisConnection, reopen, type Sentinel } from './client.ts';
import { keepSubscribed } from './subscription.ts';

/**
 * Opens connections anew when the Sentinels have made another server the primary. The old one need not have died: it
 * may hang, or be cut off from the Sentinels and go on serving. Replicas that stay with it would have a limit of their
 * own.
 */
export function watchFailover(
  { connection, master }: Sentinel,
  connections: readonly RedisConnection[],
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): void {
  const channel = '+switch-master';
  const subscriber = {
    message(text: string): void {
      if (!text.startsWith(`${master} `)) return;
      connections.forEach(reopen);
    },
    gap() {},
    refused(error: unknown) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('a failover by Sentinel is noticed late: subscribing failed', { channel, reason });
    },
    accepted() {},
  };
  keepSubscribed(connection, channel, subscriber, clock);
}
