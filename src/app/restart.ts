/** What cannot change while Weir runs, and what a new configuration comes to without it. */
import type { Config } from '../config/config.ts';
import { differingPlaces, settingsAt } from '../config/differences.ts';

/**
 * Places in the configuration, each with all that is below it; `*` is any class. The how-to page on reloads has the same
 * list.
 */
export const needRestart: readonly string[] = [
  'profile',
  'listen',
  'ops',
  'coreapp.url',
  'redis',
  'auth.jwt',
  'auth.tokensPerUserMax',
  'auth.tokenMemoryMs',
  'auth.tokenMemoryMax',
  'auth.storeAwayGraceMs',
  'limits.*.also',
  'bodies.folder',
  'http.fieldsMaxBytes',
  'http.headTimeoutMs',
  'http.bodyIdleTimeoutMs',
  'http.bodyMinBytesPerS',
  'http.answerMinBytesPerS',
  'http.keepAliveTimeoutMs',
  'http.connectionsMax',
  'http.connectionsPerAddressMax',
  'http.connectionMaxRequests',
  'http.tunnelsMax',
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
  const needs = (place: string): boolean => needsRestart(place) && !(place === 'coreapp.url' && moves(running, next));
  const waiting = places.filter(needs);
  let config = next;
  for (const place of waiting) config = withValueOf(config, running, place.split('.'));
  const named = (which: readonly string[]): string[] => [...new Set(which.flatMap(settingsAt))];
  const changed = named(places.filter((place) => !needs(place)));
  return { config, changed, restartNeeded: named(waiting) };
}

/** The upstream is elsewhere now. Without any it is the simulator, which is there from the start or never. */
function moves(running: Config, next: Config): boolean {
  return running.coreapp.url !== null && next.coreapp.url !== null;
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
