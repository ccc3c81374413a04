/**
 * What must hold between settings. Each rule says which settings it looks at, so that it is silent if one of them is
 * bad.
 */
import { atMost, type ClassLimits, type LimitName } from '../admission/limits.ts';
import { type Scope, scopeWords } from '../admission/rate/scope.ts';
import { defaultClass, type EndpointClass } from '../exchange/route.ts';
import { foldedPath } from '../http/paths.ts';
import { both, readPattern, relate, takesPath } from '../http/patterns.ts';
import { isOfUsers, ownClasses, ownPatterns, usersPath } from '../profiles/coreapp/routes.ts';
import { adminPathWords } from './auth.ts';
import type { Config } from './config.ts';
import { starsNextToCredentials } from './cors.ts';
import { jwtClashes } from './jwt-rules.ts';
import type { Given } from './layer.ts';
import { badValue, type Clash, type Problem } from './problems.ts';
import type { Settings } from './schema.ts';
import { dividedIn, dividedOf } from './worker-share.ts';

export interface Facts {
  readonly settings: Settings;
  readonly config: Config;
  /** Who gave a setting; undefined: it is the default. */
  readonly given: (name: string) => Given | undefined;
  /** True where NODE_ENV is production. */
  readonly production: boolean;
}

export const clashes = (facts: Facts): Clash[] => [
  ...portClash(facts),
  ...missingCoreapp(facts),
  ...permitsClash(facts),
  ...tlsClashes(facts),
  ...redisLoginClashes(facts),
  ...jwtClashes(facts.settings.auth.jwt, (name) => whereOf(facts, name)),
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

const classesIn = ({ config }: Pick<Facts, 'config'>): EndpointClass[] => Object.keys(config.limits);
const limitsFor = ({ config }: Pick<Facts, 'config'>, of: EndpointClass): ClassLimits =>
  config.limits[of] as ClassLimits;

const whereOf = (facts: Facts, name: string): string => facts.given(name)?.where ?? name;

function clash(facts: Facts, name: string, other: string, value: unknown, wanted: string): Clash {
  return { between: [name, other], problem: badValue(whereOf(facts, name), { description: '', wanted }, value) };
}

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function portClash(facts: Facts): Clash[] {
  const { listen, ops } = facts.config;
  const apart = listen.host !== ops.host && !everywhere.has(listen.host) && !everywhere.has(ops.host);
  if (listen.port === 0 || listen.port !== ops.port || apart) return [];
  const [name, other] =
    facts.given('ops.port') === undefined ? ['listen.port', 'ops.port'] : (['ops.port', 'listen.port'] as const);
  const found = clash(facts, name, other, listen.port, `another port than ${other}, or 0 for any free one`);
  return [{ ...found, between: [...found.between, 'listen.host', 'ops.host'] }];
}

function missingCoreapp(facts: Facts): Clash[] {
  const { profile, coreapp } = facts.config;
  if (coreapp.url !== null || !facts.production) return [];
  const problem: Problem = {
    where: 'coreapp.url',
    given: 'no value',
    fault: 'is not allowed where NODE_ENV is production',
    wanted:
      profile === 'coreapp'
        ? 'give the Coreapp’s origin, such as http://coreapp:9090, here or in COREAPP_URL'
        : 'give the upstream’s origin, such as https://api.example.com, here or in UPSTREAM_URL',
  };
  return [{ between: ['coreapp.url'], problem }];
}

function permitsClash(facts: Facts): Clash[] {
  const { permitsMin, permitsMax } = facts.config.coreapp;
  if (permitsMin <= permitsMax) return [];
  const max = 'coreapp.permitsMax';
  return [clash(facts, 'coreapp.permitsMin', max, permitsMin, `at most ${max} (${permitsMax})`)];
}

/**
 * Half a pair, or files for a connection that is not TLS: the operator would believe in a protection that is not there.
 */
function tlsClashes(facts: Facts): Clash[] {
  const { listen, coreapp, redis } = facts.settings;
  return [
    ...halfPair(facts, 'listen.tls', listen.tls),
    ...halfPair(facts, 'coreapp', coreapp),
    ...halfPair(facts, 'redis', redis),
    ...alone(facts, 'listen.tls.clientCaFile', listen.tls.clientCaFile, 'listen.tls.certFile', listen.tls.certFile),
    ...plainPeer(facts, 'coreapp', coreapp, /^https:/, 'https://'),
    ...plainPeer(facts, 'redis', redis, /^rediss/, 'rediss://, rediss-sentinel:// or rediss-cluster://'),
  ];
}

interface PairFiles {
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

function halfPair(facts: Facts, section: string, { certFile, keyFile }: PairFiles): Clash[] {
  const [cert, key] = [`${section}.certFile`, `${section}.keyFile`];
  return [...alone(facts, cert, certFile, key, keyFile), ...alone(facts, key, keyFile, cert, certFile)];
}

/** A file that means nothing without another one. */
function alone(facts: Facts, name: string, path: string | null, other: string, otherPath: string | null): Clash[] {
  if (path === null || otherPath !== null) return [];
  const given = `${JSON.stringify(path)} without ${other}`;
  const wanted = `give ${other}, too, or leave ${name} out`;
  const problem: Problem = { where: whereOf(facts, name), given, fault: 'is not allowed', wanted };
  return [{ between: [name, other], problem }];
}

type PeerFiles = PairFiles & { readonly url: string | null; readonly caFile: string | null };

function plainPeer(
  facts: Facts,
  section: 'coreapp' | 'redis',
  peer: PeerFiles,
  secure: RegExp,
  beginning: string,
): Clash[] {
  if (peer.url === null || secure.test(peer.url)) return [];
  return (['caFile', 'certFile'] as const).flatMap((file) => {
    const path = peer[file];
    if (path === null) return [];
    const name = `${section}.${file}`;
    const given = `${JSON.stringify(path)} next to a ${section}.url without TLS`;
    const wanted = `give a ${section}.url that begins with ${beginning}, or leave ${name} out`;
    const problem: Problem = { where: whereOf(facts, name), given, fault: 'is not allowed', wanted };
    return [{ between: [name, `${section}.url`], problem }];
  });
}

/** Half a login, or one next to that of the URL: the operator would believe that it is used. */
function redisLoginClashes(facts: Facts): Clash[] {
  const { url, username, password } = facts.settings.redis;
  const [inUrl, user, secret] = ['redis.url', 'redis.username', 'redis.password'];
  const found = (name: string, other: string, given: string, wanted: string): Clash => ({
    between: [name, other],
    problem: { where: whereOf(facts, name), given, fault: 'is not allowed', wanted },
  });
  if (password !== null && url === null) {
    return [found(secret, inUrl, `a password without ${inUrl}`, `give ${inUrl}, too, or leave ${secret} out`)];
  }
  if (username !== null && password === null) {
    return [found(user, secret, `a user without ${secret}`, `give ${secret}, too, or leave ${user} out`)];
  }
  if (password !== null && url?.includes('@')) {
    return [found(secret, inUrl, `a password next to that in ${inUrl}`, 'give one of them')];
  }
  return [];
}

/** A class that has both from `default` is not told again. */
function limitClashes(facts: Facts, of: EndpointClass): Clash[] {
  const limits = limitsFor(facts, of);
  return atMost.flatMap(([name, others]) => {
    const least = others.reduce((low, other) => (limits[other] < limits[low] ? other : low));
    const [setting, bound] = [sourceOf(facts, of, name), sourceOf(facts, of, least)];
    const inherited = of !== defaultClass && [setting, bound].every((source) => source.startsWith('limits.default.'));
    if (limits[name] <= limits[least] || inherited) return [];
    if (facts.given(setting) === undefined && facts.given(bound) !== undefined) {
      return [clash(facts, bound, setting, limits[least], `at least ${setting} (${limits[name]})`)];
    }
    return [clash(facts, setting, bound, limits[name], `at most ${bound} (${limits[least]})`)];
  });
}

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
    const problem: Problem = {
      where: whereOf(facts, 'workers'),
      given: `${given} without redis.url`,
      fault: 'is not allowed',
      wanted: 'give redis.url (REDIS_URL), which workers share as replicas do, or 1',
    };
    return [{ between: ['workers', 'redis.url'], problem }];
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

/** The class whose limit of that kind is the highest. */
function largestOf(facts: Pick<Facts, 'config'>, name: 'bodyMaxBytes' | 'holdMaxMs'): EndpointClass {
  const most = (of: EndpointClass): number => limitsFor(facts, of)[name];
  return classesIn(facts).reduce((a, b) => (most(b) > most(a) ? b : a), defaultClass);
}

/** A template of paths that do not belong to the class would silently make all its requests share one bucket. */
function scopeClash(facts: Facts, of: EndpointClass): Clash[] {
  const text = facts.settings.limits[of]?.scope;
  const { scope } = limitsFor(facts, of);
  if (of === defaultClass || text === undefined || scope.by !== 'path') return [];
  const { classes, coreapp } = facts.config;
  const own = classes.filter(([, name]) => name === of).map(([pattern]) => pattern);
  const path = foldedPath(`${scope.before}x${scope.after}`, coreapp.caseSensitivePaths);
  if (own.some((pattern) => takesPath(pattern, path))) return [];
  const name = `limits.${of}.scope`;
  const below = own.find((pattern) => pattern.below);
  const example = below === undefined ? '' : `, such as path:${below.text.replace(/^[^/]*/, '').replace('**', '{id}')}`;
  return [clash(facts, name, name, text, `a template of paths of this class${example}`)];
}

/** Which of two patterns is meant has to be said by the patterns, not by their order. */
function patternClashes(facts: Facts): Clash[] {
  const { classes } = facts.config;
  return classes.flatMap(([pattern, of], i) =>
    classes.slice(0, i).flatMap(([other, otherOf]) => {
      const relation = relate(pattern, other);
      if (of === otherOf || (relation !== 'same' && relation !== 'crossing')) return [];
      const [name, otherName] = [`limits.${of}.match`, `limits.${otherOf}.match`];
      const given = `${JSON.stringify(pattern.text)} next to ${JSON.stringify(other.text)} of ${otherName}`;
      const wanted =
        relation === 'same'
          ? 'both take the same requests; leave one of them out'
          : `both take ${JSON.stringify(both(pattern, other))}, and neither is more exact; give that to one of them, too`;
      const problem: Problem = { where: whereOf(facts, name), given, fault: 'is not allowed', wanted };
      return [{ between: [name, otherName], problem }];
    }),
  );
}

/** A rule that speaks of a narrow limit of a class, or of any class that goes by it, where there is none. */
function laneClashes(facts: Facts): Clash[] {
  const { throttled } = facts.config;
  const givenOf = (of: EndpointClass) => facts.settings.limits[of]?.throttled;
  const countOf = (of: EndpointClass): number => limitsFor(facts, of).also.length;
  const owners = classesIn(facts).filter((of) => of !== defaultClass && givenOf(of) !== undefined);
  const others = classesIn(facts).filter((of) => !owners.includes(of));
  const ofDefault = throttled.byClass.get(defaultClass) ?? [];
  // Of a profile's own rules, those that speak of what a class no longer has fit nothing.
  const lists = [
    ['throttled', throttled.all, Math.max(0, ...classesIn(facts).map(countOf))] as const,
    [`limits.${defaultClass}.throttled`, ofDefault, Math.max(0, ...others.map(countOf))] as const,
    ...owners.map((of) => [`limits.${of}.throttled`, throttled.byClass.get(of) ?? [], countOf(of)] as const),
  ];
  return lists.flatMap(([name, rules, count]) => {
    if (facts.given(name) === undefined) return [];
    const beyond = rules.map(({ of }) => of).find((of) => typeof of === 'number' && of > count);
    if (beyond === undefined) return [];
    const many = count === 0 ? 'none there' : `${count} there`;
    return [clash(facts, name, name, `also ${beyond}`, `a narrow limit that there is under also: ${many}`)];
  });
}

/** What Weir answers itself is counted under these names, and its requests come to no other class. */
function ownClashes(facts: Facts): Clash[] {
  const { classes, coreapp, profile } = facts.config;
  const isCoreapp = profile === 'coreapp';
  const reserved: readonly string[] = isCoreapp ? ['none', ...ownClasses] : ['none'];
  const named = classesIn(facts).flatMap((of) => {
    if (!reserved.includes(of)) return [];
    const name = `limits.${of}.match`;
    const given = `a class called ${of}`;
    const problem: Problem = {
      where: whereOf(facts, name),
      given,
      fault: 'is not allowed',
      wanted: 'give it another name',
    };
    return [{ between: [name], problem }];
  });
  if (!isCoreapp) return named;
  const own = ownPatterns.map((text) => readPattern(text, coreapp.caseSensitivePaths));
  const never = classes.flatMap(([pattern, of]) => {
    const relations = own.map((one) => relate(pattern, one));
    if (!relations.some((relation) => relation === 'same' || relation === 'narrower')) return [];
    const name = `limits.${of}.match`;
    const given = JSON.stringify(pattern.text);
    const problem: Problem = {
      where: whereOf(facts, name),
      given,
      fault: 'matches nothing',
      wanted: 'Weir answers there itself; leave it out',
    };
    return [{ between: [name], problem }];
  });
  return [...named, ...never];
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

/** What Weir answers itself must not be read in two ways. */
function encodedSlashesClash(facts: Facts): Clash[] {
  const { profile, coreapp } = facts.config;
  if (profile !== 'coreapp' || !coreapp.encodedSlashes) return [];
  const name = 'coreapp.encodedSlashes';
  return [clash(facts, name, 'profile', true, 'false with the profile coreapp, none of whose names hold a slash')];
}

/** The classes of other settings, where there are none such. */
function unknownClasses(facts: Facts): Clash[] {
  const known = classesIn(facts);
  const { coreapp, auth } = facts.settings;
  const named = [
    ...coreapp.honoursIdempotencyKey.map((name) => ['coreapp.honoursIdempotencyKey', name] as const),
    ...Object.keys(coreapp.urls).map((name) => ['coreapp.urls', name] as const),
    ...Object.keys(coreapp.bodyUrls).map((name) => ['coreapp.bodyUrls', name] as const),
    ...Object.keys(coreapp.authorizations)
      .filter((key) => !key.includes('='))
      .map((name) => ['coreapp.authorizations', name] as const),
    ...Object.values(auth.may).flatMap((names) => names.map((name) => ['auth.may', name] as const)),
  ];
  return named
    .filter(([, name]) => !known.includes(name))
    .map(([setting, name]) => clash(facts, setting, setting, name, `classes that there are: ${known.join(', ')}`));
}

/** An open port that others reach has to be meant. */
function openClash(facts: Facts): Clash[] {
  const { auth, listen } = facts.config;
  if (!auth.open || auth.openToAll || isLoopback(listen.host)) return [];
  const given = `true with listen.host ${listen.host}, which others may reach,`;
  const wanted =
    'set listen.host to 127.0.0.1, or auth.openToAll to true if whoever reaches the port may use the upstream';
  const problem: Problem = { where: whereOf(facts, 'auth.open'), given, fault: 'is not allowed', wanted };
  return [{ between: ['auth.open', 'auth.openToAll', 'listen.host'], problem }];
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);

/** What a field holds that is a secret is gone before limits are looked at. */
function keyFieldClash(facts: Facts): Clash[] {
  const { keyField } = facts.settings.auth;
  if (keyField === null) return [];
  const isKey = (scope: Scope): boolean =>
    scope.by === 'several' ? scope.parts.some(isKey) : scope.by === 'header' && scope.name === keyField.toLowerCase();
  const wanted = 'principal: auth.keyField says who a caller is';
  return classesIn(facts).flatMap((of) => {
    const { scope, also } = limitsFor(facts, of);
    const settings = [
      ...(isKey(scope) ? (['scope'] as const) : []),
      ...(also.some((one) => isKey(one.scope)) ? (['also'] as const) : []),
    ];
    return settings.map((name) =>
      clash(facts, sourceOf(facts, of, name), 'auth.keyField', `header:${keyField}`, wanted),
    );
  });
}

/** A narrow limit whose values none of the class's requests has binds nobody. */
function alsoScopeClash(facts: Facts, of: EndpointClass): Clash[] {
  const { classes, coreapp } = facts.config;
  const own = classes.filter(([, name]) => name === of).map(([pattern]) => pattern);
  const name = `limits.${of}.also`;
  if (of === defaultClass || own.length === 0 || facts.given(name) === undefined) return [];
  const isForeign = (scope: Scope): boolean => {
    if (scope.by === 'several') return scope.parts.some(isForeign);
    const path = samplePath(scope);
    if (path === null) return false;
    const pattern = readPattern(`* ${path}`, coreapp.caseSensitivePaths);
    return own.every((one) => relate({ ...one, method: null, host: null }, pattern) === 'apart');
  };
  const foreign = limitsFor(facts, of).also.find(({ scope }) => isForeign(scope));
  if (foreign === undefined) return [];
  const given = scopeWords(foreign.scope);
  return [clash(facts, name, name, given, 'a scope whose path requests of this class have')];
}

/** The paths that have a value of the scope, as a pattern; null: its value is not of the path. */
function samplePath(scope: Scope): string | null {
  if (scope.by === 'path') return `${scope.before}{any}${scope.after}/**`;
  if (scope.by !== 'segments') return null;
  const segments = scope.template.map((name) => `/${name === null || name === '*' ? '{any}' : name}`);
  return `${segments.join('')}${scope.below ? '/**' : ''}`;
}

/** Next to credentials a browser takes `*` for a name (Fetch standard, 3.3.5). */
function corsClash(facts: Facts): Clash[] {
  const other = 'http.cors.credentials';
  return starsNextToCredentials(facts.config.http.cors).map((list) => {
    const name = `http.cors.${list}`;
    return clash(facts, name, other, '*', `names, since ${other} is true, or leave that out`);
  });
}

/** The setting that a class's limit comes from. */
function sourceOf(facts: Facts, of: EndpointClass, name: LimitName): string {
  return `limits.${facts.settings.limits[of]?.[name] === undefined ? defaultClass : of}.${name}`;
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
