/** In what two configurations differ, by the names of their settings; never by their values. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { leafOf } from './layer.ts';

/** What a configuration keeps under another name than its settings have. */
const settingsOf: Readonly<Record<string, readonly string[]>> = {
  classes: ['limits.<class>.match'],
  'throttled.all': ['throttled'],
  'throttled.byClass': ['limits.<class>.throttled'],
  'heed.all': ['heed'],
  'heed.byClass': ['limits.<class>.heed'],
  'listen.tls.files.ca': ['listen.tls.clientCaFile'],
  'listen.tls.files.cert': ['listen.tls.certFile'],
  'listen.tls.files.key': ['listen.tls.keyFile'],
  'listen.tls.material': ['listen.tls'],
  'coreapp.credentials': ['coreapp.authorization', 'coreapp.authorizations'],
  'auth.jwt.keys': ['auth.jwt.jwksUrl', 'auth.jwt.jwksFile'],
  'coreapp.tls': ['coreapp.caFile', 'coreapp.certFile', 'coreapp.keyFile'],
  'redis.tls': ['redis.caFile', 'redis.certFile', 'redis.keyFile'],
};

/** The places in a configuration at which two differ, such as `limits.messages.rate`. */
export function differingPlaces(before: Config, after: Config): string[] {
  return within(before, after, []);
}

/** The settings that have to do with a place. */
export function settingsAt(place: string): readonly string[] {
  return settingsOf[place] ?? [place];
}

function within(before: unknown, after: unknown, path: readonly string[]): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  const place = path.join('.');
  if (!isSection(before) || !isSection(after) || isWhole(place)) return [place];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => within(before[name], after[name], [...path, name]));
}

/** It is looked at no further: a setting, or what several settings have become. */
function isWhole(place: string): boolean {
  if (Object.hasOwn(settingsOf, place)) return true;
  const hasParts = Object.keys(settingsOf).some((part) => part.startsWith(`${place}.`));
  return place !== '' && !hasParts && leafOf(place) !== undefined;
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
