/**
 * The channel on which the scripts tell of every token that ends before its time. Redis tells whoever is subscribed at that
 * moment and nobody later, so each loss and each beginning of the subscription means that messages may have been missed.
 */
import type { Redis } from 'ioredis';
import type { RevocationListener } from '../../model/revocations.ts';
import type { Clock, Log } from '../../ports.ts';
import { keepSubscribed } from './subscription.ts';

export const channelOf = (prefix: string): string => `${prefix}revoked`;
export const tokenMessage = (digest: string): string => `token ${digest}`;
export const userMessage = (name: string): string => `user ${name}`;

/** Keeps `redis`, a connection of its own from `openSubscriber`, subscribed for as long as it is open. */
export function followRevocations(
  redis: Redis,
  prefix: string,
  listener: RevocationListener,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): void {
  const channel = channelOf(prefix);
  const subscriber = {
    message: (text: string) => tell(listener, text),
    gap: () => listener.revocationsMissed(),
    refused: (reason: string) =>
      log.warn('revocations of other replicas arrive late: subscribing failed', { channel, reason }),
    accepted: () => log.info('revocations of other replicas arrive at once again'),
  };
  keepSubscribed(redis, channel, subscriber, clock);
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
