/**
 * What must hold between settings. Each rule says which settings it looks at, so that it is silent if one of them is
 * bad.
 */
import type { LimitName } from '../admission/limits.ts';
import { isOfUsers, usersPath } from '../profiles/coreapp/routes.ts';
import { adminPathWords } from './auth.ts';
import {
  alsoScopeClash,
  keyFieldClash,
  laneClashes,
  limitClashes,
  ownClashes,
  patternClashes,
  scopeClash,
  unknownClasses,
} from './class-rules.ts';
import {
  corsClash,
  encodedSlashesClash,
  missingCoreapp,
  openClash,
  permitsClash,
  portClash,
  redisLoginClashes,
  tlsClashes,
} from './connection-rules.ts';
import { clash, classesIn, type Facts, largestOf, limitsFor, notAllowed, sourceOf, whereOf } from './facts.ts';
import { jwtClashes } from './jwt-rules.ts';
import { badValue, type Clash } from './problems.ts';
import { dividedIn, dividedOf } from './worker-share.ts';

export const clashes = (facts: Facts): Clash[] => [
  ...portClash(facts),
  ...missingCoreapp(facts),
  ...permitsClash(facts),
  ...tlsClashes(facts),
  ...redisLoginClashes(facts),
  ...jwtClashes(facts),
  ...classesIn(facts).flatMap((name) => [
    ...limitClashes(facts, name),
    ...scopeClash(facts, name),
    ...alsoScopeClash(facts, name),
  ]),
  ...patternClashes(facts),
  ...ownClashes(facts),
  ...adminPathClash(facts),
  ...encodedSlashesClash(facts),
  ...laneClashes(facts),
  ...unknownClasses(facts),
  ...openClash(facts),
  ...keyFieldClash(facts),
  ...corsClash(facts),
  ...diskClash(facts),
  ...workersClashes(facts),
];

/** A body that goes to the disk needs room there, too. */
function diskClash(facts: Facts): Clash[] {
  const { bodies } = facts.config;
  const largest = largestOf(facts, 'bodyMaxBytes');
  const { bodyMaxBytes } = limitsFor(facts, largest);
  if (bodyMaxBytes <= bodies.memoryMaxBytes || bodyMaxBytes <= bodies.diskMaxBytes) return [];
  const body = sourceOf(facts, largest, 'bodyMaxBytes');
  return [clash(facts, 'bodies.diskMaxBytes', body, bodies.diskMaxBytes, `at least ${body} (${bodyMaxBytes})`)];
}

/** Several processes share what replicas share, and each has a part of what a replica may take. */
function workersClashes(facts: Facts): Clash[] {
  const { workers, redis, limits } = facts.config;
  const given = facts.settings.workers;
  if (given === 1) return [];
  if (redis.url === null) {
    const wanted = 'give redis.url (REDIS_URL), which workers share as replicas do, or 1';
    return [notAllowed(facts, ['workers', 'redis.url'], `${given} without redis.url`, wanted)];
  }
  const ofClasses = Object.entries(limits).flatMap(([of, one]) =>
    Object.entries(dividedOf(one)).map(([name, divided]) => [sourceOf(facts, of, name as LimitName), divided] as const),
  );
  const all = [...Object.entries(dividedIn(facts.config)), ...ofClasses];
  // A class that goes by `default` would have the same problem told again.
  const tooSmall = new Map(all.filter(([, { value, least }]) => value < workers * least));
  return [...tooSmall].map(([name, { value, least }]) =>
    clash(facts, name, 'workers', value, `at least ${workers * least}: ${least} for each of ${workers} workers`),
  );
}

/** The users that Weir keeps itself need the admin by rules of their own. */
function adminPathClash(facts: Facts): Clash[] {
  const { profile, auth } = facts.config;
  if (profile !== 'coreapp') return [];
  const name = 'auth.adminPaths';
  const places = facts.given(name)?.items ?? [];
  const wanted = `${adminPathWords}; not ${usersPath}, which has rules of its own`;
  return auth.adminPaths.flatMap((path, index) => {
    if (!isOfUsers(path)) return [];
    const where = places[index] ?? `${whereOf(facts, name)}[${index}]`;
    return [{ between: [name], problem: badValue(where, { description: '', wanted }, path) }];
  });
}

/** What is allowed, and still worth knowing before the start. */
export function notesOn(facts: Facts): string[] {
  const { profile, coreapp, auth, redis, stop } = facts.config;
  const notes: string[] = [];
  if (coreapp.url === null) {
    const simulator = profile === 'coreapp' ? 'Coreapp simulator' : 'simulator';
    notes.push(`coreapp.url is not set: the bundled ${simulator} takes its place`);
  } else if (profile !== 'coreapp' && redis.url === null && auth.jwt === null && !auth.open) {
    notes.push('nobody can pass: set redis.url and make tokens (weir tokens create), auth.jwt, or auth.open');
  }
  if (profile !== 'coreapp') {
    for (const name of ['apiKey', 'adminPassword'] as const) {
      if (auth[name] !== null)
        notes.push(`auth.${name} opens nothing: the profile ${profile} has no endpoints of Weir’s`);
    }
  }
  if (redis.url === null)
    notes.push('redis.url is not set: limits, users and tokens live in this process and end with it');
  const longest = largestOf(facts, 'holdMaxMs');
  const { holdMaxMs } = limitsFor(facts, longest);
  if (stop.graceMs < holdMaxMs) {
    notes.push(
      `stop.graceMs (${stop.graceMs}) is shorter than holdMaxMs of ${longest} (${holdMaxMs}): at a stop, what waits longest is refused`,
    );
  }
  notes.push(...workersNotes(facts));
  return notes;
}

/** What each worker keeps by itself, as each replica does. */
function workersNotes(facts: Facts): string[] {
  const { workers } = facts.config;
  if (workers === 1) return [];
  const serial = classesIn(facts).filter((of) => limitsFor(facts, of).also.some((narrow) => narrow.serial));
  const settings = new Set(serial.map((of) => sourceOf(facts, of, 'also')));
  return [...settings].map((name) => `${name}: serial holds within each of the ${workers} workers, not over them`);
}
