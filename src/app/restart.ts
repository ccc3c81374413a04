/** What cannot change while Weir runs, and what a new configuration comes to without it. */
import type { Config } from '../config/config.ts';
import { differingPlaces, settingsAt } from '../config/differences.ts';

/** Places in the configuration, each with all that is below it. The how-to page on reloads has the same list. */
export const needRestart: readonly string[] = [
  'profile',
  'listen',
  'ops',
  'coreapp.url',
  'coreapp.host',
  'coreapp.tls',
  'coreapp.urls',
  'coreapp.connectTimeoutMs',
  'coreapp.connectionMaxAgeMs',
  'coreapp.answerTimeoutMs',
  'coreapp.permitsMin',
  'coreapp.permitsMax',
  'coreapp.pauseMaxMs',
  'coreapp.caseSensitivePaths',
  'redis',
  'auth.jwt',
  'auth.tokensPerUserMax',
  'auth.tokenMemoryMs',
  'auth.tokenMemoryMax',
  'auth.storeAwayGraceMs',
  'limits',
  'classes',
  'throttled.byClass',
  'line',
  'bodies',
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
  const waiting = new Set(places.flatMap((place) => needRestart.filter((fixed) => isBelow(place, fixed))));
  let config = next;
  for (const fixed of waiting) config = withValueOf(config, running, fixed.split('.'));
  const applied = places.filter((place) => !needRestart.some((fixed) => isBelow(place, fixed)));
  const named = (which: readonly string[]): string[] => [...new Set(which.flatMap(settingsAt))];
  const restartNeeded = named(places.filter((place) => !applied.includes(place)));
  return { config, changed: named(applied), restartNeeded };
}

const isBelow = (place: string, fixed: string): boolean => place === fixed || place.startsWith(`${fixed}.`);

/** The one with a value of the other in that place. */
function withValueOf<Part extends object>(to: Part, from: Part, [name = '', ...more]: readonly string[]): Part {
  const key = name as keyof Part;
  const value = more.length === 0 ? from[key] : withValueOf(to[key] as object, from[key] as object, more);
  return { ...to, [key]: value };
}
