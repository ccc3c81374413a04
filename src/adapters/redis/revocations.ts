/**
 * The channel on which the scripts tell of every token that ends before its time, and replicas of pauses. Redis tells only those who are
 * subscribed at that moment, so each loss and each beginning of the subscription means that messages may have been
 * missed.
 */
import type { Redis } from 'ioredis';
import type { RevocationListener } from '../../auth/revocations.ts';
import type { Alarm, Clock } from '../../clock.ts';
import type { Log } from '../../observe/ports.ts';
import { onServing, type RedisConnection } from './client.ts';
import { isForbidden, type Lacks } from './lacks.ts';
import { keepSubscribed } from './subscription.ts';

export const channelOf = (prefix: string): string => `${prefix}revoked`;
export const tokenMessage = (digest: string): string => `token ${digest}`;
/** Says nothing: it is only to see whether Redis lets this replica say something. */
const probeMessage = 'probe -';
export const pauseMessage = (notice: string): string => `pause ${notice}`;
export const steeringMessage = (text: string): string => `steer ${text}`;
/** Asks the others what pauses. @param from the replica's own name */
export const askMessage = (from: string): string => `pauses ${from}`;
export const userMessage = (name: string): string => `user ${name}`;

/** How often Weir checks whether revocations can be told: permissions in Redis may change. */
const probeMs = 60_000;

/**
 * Checks at each beginning of the connection, and now and then, whether this replica may tell the others of
 * revocations. If it may not, the scripts revoke all the same, and cannot say so.
 */
export function watchPublishing(redis: RedisConnection, prefix: string, lacks: Lacks, clock: Clock): void {
  let alarm: Alarm | null = null;
  const look = async (): Promise<void> => {
    alarm?.cancel();
    alarm = clock.after(probeMs, () => void look());
    try {
      await redis.publish(channelOf(prefix), probeMessage);
      lacks.there('publish');
    } catch (error) {
      if (isForbidden(error)) lacks.missing('publish', error);
    }
  };
  onServing(redis, () => void look());
  redis.on('end', () => alarm?.cancel());
}

interface PauseListener {
  told(notice: string): void;
  /** An operator's orders. */
  steered(text: string): void;
  /** A replica asks what pauses. */
  asked(by: string): void;
  /** Messages may have been missed. */
  missed(): void;
}

interface FollowingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly lacks?: Lacks;
  /** Hears the messages about pauses (`replica-messages.ts`). Not there: nobody does. */
  readonly pauses?: PauseListener;
}

/** Keeps `redis`, a connection of its own from `openSubscriber`, subscribed for as long as it is open. */
export function followRevocations(
  redis: Redis,
  prefix: string,
  listener: RevocationListener,
  { clock, log, lacks, pauses }: FollowingDeps,
): void {
  const channel = channelOf(prefix);
  const subscriber = {
    message: (text: string) => tell(listener, text, pauses),
    gap() {
      listener.revocationsMissed();
      pauses?.missed();
    },
    refused(error: unknown) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('revocations of other replicas arrive late: subscribing failed', { channel, reason });
      if (isForbidden(error)) lacks?.missing('subscribe', error);
    },
    accepted() {
      log.info('revocations of other replicas arrive at once again');
      lacks?.there('subscribe');
    },
  };
  keepSubscribed(redis, channel, subscriber, clock);
}

function tell(listener: RevocationListener, message: string, pauses: PauseListener | undefined): void {
  const space = message.indexOf(' ');
  const what = message.slice(space + 1);
  switch (message.slice(0, space)) {
    case 'token':
      listener.tokenRevoked(what);
      return;
    case 'user':
      listener.userRevoked(what);
      return;
    case 'pause':
      pauses?.told(what);
      return;
    case 'steer':
      pauses?.steered(what);
      return;
    case 'pauses':
      pauses?.asked(what);
      return;
    case 'probe':
      return;
    default:
      // A later version of Weir may send other messages, and these may concern any token.
      listener.revocationsMissed();
  }
}
