import type { Redis } from 'ioredis';
import type { Alarm, Clock } from '../../clock.ts';
import { reopen } from './client.ts';

interface Subscriber {
  message(text: string): void;
  /** Messages may have been missed: the subscription was lost, or begins. */
  gap(): void;
  /** Redis does not let us subscribe. It is tried again once a second; told once. */
  refused(error: unknown): void;
  /** Redis lets us subscribe again. */
  accepted(): void;
}

/** A connection that died without a word is noticed after this and the time that a command may take. */
const beatMs = 1_000;

/**
 * Keeps `redis`, a connection of its own, subscribed for as long as it is open. Redis tells only those who are
 * subscribed at that moment.
 */
export function keepSubscribed(redis: Redis, channel: string, subscriber: Subscriber, clock: Clock): void {
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
    subscriber.gap();
    reopen(redis);
  };
  const subscribe = async (): Promise<void> => {
    try {
      await redis.subscribe(channel);
      // From here on nothing is missed; before, something may have been.
      subscriber.gap();
      if (refused) subscriber.accepted();
      refused = false;
    } catch (error) {
      if (!refused && redis.status === 'ready') {
        subscriber.refused(error);
        refused = true;
      }
    }
    beat();
  };

  redis.on('message', (_, text: string) => subscriber.message(text));
  redis.on('close', () => subscriber.gap());
  redis.on('end', () => alarm?.cancel());
  redis.on('ready', () => void subscribe());
  if (redis.status === 'ready') void subscribe();
}
