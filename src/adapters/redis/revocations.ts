/**
 * The channel on which the scripts tell of every token that ends before its time. Redis tells whoever is subscribed at that
 * moment and nobody later, so each loss and each beginning of the subscription means that messages may have been missed.
 */
import type { Redis } from 'ioredis';
import type { RevocationListener } from '../../model/revocations.ts';
import type { Alarm, Clock, Log } from '../../ports.ts';

export const channelOf = (prefix: string): string => `${prefix}revoked`;
export const tokenMessage = (digest: string): string => `token ${digest}`;
export const userMessage = (name: string): string => `user ${name}`;

/** A connection that died without a word is noticed after this and the time that a command may take. */
const beatMs = 1_000;

/** Keeps `redis`, a connection of its own from `openRedis`, subscribed for as long as it is open. */
export function followRevocations(
  redis: Redis,
  prefix: string,
  listener: RevocationListener,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): void {
  const channel = channelOf(prefix);
  let alarm: Alarm | null = null;
  let refused = false;

  const beat = (): void => {
    alarm?.cancel();
    alarm = clock.after(beatMs, () => {
      if (refused) void subscribe();
      else redis.ping().then(beat, lost);
    });
  };
  const lost = (): void => {
    listener.revocationsMissed();
    redis.disconnect(true);
  };
  const subscribe = async (): Promise<void> => {
    try {
      await redis.subscribe(channel);
      // From here on nothing is missed; before, something may have been.
      listener.revocationsMissed();
      if (refused) log.info('revocations of other replicas arrive at once again');
      refused = false;
    } catch (error) {
      if (!refused && redis.status === 'ready') {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn('revocations of other replicas arrive late: subscribing failed', { channel, reason });
        refused = true;
      }
    }
    beat();
  };

  redis.on('message', (_, message: string) => tell(listener, message));
  redis.on('close', () => listener.revocationsMissed());
  redis.on('end', () => alarm?.cancel());
  redis.on('ready', () => void subscribe());
  if (redis.status === 'ready') void subscribe();
}

function tell(listener: RevocationListener, message: string): void {
  const space = message.indexOf(' ');
  const what = message.slice(space + 1);
  switch (message.slice(0, space)) {
    case 'token':
      listener.tokenRevoked(what);
      return;
    case 'user':
      listener.userRevoked(what);
      return;
    default:
      // A later Weir has more to tell: what it was may concern any token.
      listener.revocationsMissed();
  }
}
