/** What cannot change while Weir runs, and what a new configuration comes to without it. */
import { sameServer } from '../adapters/redis/login.ts';
import type { Config } from '../config/config.ts';
import { differingPlaces, settingsAt } from '../config/differences.ts';

/**
 * Places in the configuration, each with all that is below it; `*` is any class. The how-to page on reloads has the same
 * list.
 */
export const needRestart: readonly string[] = [
  'profile',
  'workers',
  'listen',
  'ops.host',
  'ops.port',
  'coreapp.url',
  'redis.url',
  'redis.keyPrefix',
];

export interface Change {
  /** What can be in force from now on. */
  readonly config: Config;
  /** The settings in which it differs from what was in force. */
  readonly changed: readonly string[];
  /** The settings that wait for a restart. */
  readonly restartNeeded: readonly string[];
}

/** What of a new configuration can be in force at once. */
export function changeTo(next: Config, running: Config): Change {
  const places = differingPlaces(running, next);
  const needs = (place: string): boolean => needsRestart(place) && !mayChange(place, running, next);
  const waiting = places.filter(needs);
  let config = next;
  for (const place of waiting) config = withValueOf(config, running, place.split('.'));
  const named = (which: readonly string[]): string[] => [...new Set(which.flatMap(settingsAt))];
  const changed = named(places.filter((place) => !needs(place)));
  return { config, changed, restartNeeded: named(waiting) };
}

type Exception = (running: Config, next: Config) => boolean;

/** What of these may change in place all the same, and when. */
const exceptions: Readonly<Record<string, Exception>> = {
  // Without any it is the simulator, which is there from the start or never.
  'coreapp.url': (running, next) => running.coreapp.url !== null && next.coreapp.url !== null,
  // Another name or password.
  'redis.url': (running, next) =>
    running.redis.url !== null && next.redis.url !== null && sameServer(running.redis.url, next.redis.url),
  // Whether callers have to show a certificate is said once, when the port is opened.
  'listen.tls': ({ listen: running }, { listen: next }) =>
    running.tls !== null && next.tls !== null && (running.tls.material.ca === null) === (next.tls.material.ca === null),
};

function mayChange(place: string, running: Config, next: Config): boolean {
  return Object.entries(exceptions).some(([of, may]) => `${place}.`.startsWith(`${of}.`) && may(running, next));
}

function needsRestart(place: string): boolean {
  const names = place.split('.');
  return needRestart.some((fixed) => fixed.split('.').every((name, i) => name === '*' || name === names[i]));
}

/** The one with a value of the other in that place. */
function withValueOf<Part extends object>(to: Part, from: Part, [name = '', ...more]: readonly string[]): Part {
  const key = name as keyof Part;
  const value = more.length === 0 ? from[key] : withValueOf(to[key] as object, from[key] as object, more);
  return { ...to, [key]: value };
}
