/** What settings must be to one another. Each rule says which settings it looks at, so that it is silent where one is bad. */
import { endpointClasses } from '../model/routes.ts';
import type { Config } from './config.ts';
import type { Given } from './layer.ts';
import type { LimitName } from './limits.ts';
import { badValue, type Problem } from './problems.ts';
import type { Settings } from './schema.ts';

export interface Facts {
  readonly settings: Settings;
  readonly config: Config;
  /** Who gave a setting; undefined: it is the default. */
  readonly given: (name: string) => Given | undefined;
  /** True where NODE_ENV is production. */
  readonly production: boolean;
}

/** A problem, and the settings that have part in it. */
export interface Clash {
  readonly between: readonly string[];
  readonly problem: Problem;
}

export const clashes = (facts: Facts): Clash[] => [
  ...portClash(facts),
  ...missingCoreapp(facts),
  ...endpointClasses.flatMap((name) => bodyClash(facts, name)),
];

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
  if (facts.config.coreapp.url !== null || !facts.production) return [];
  const problem: Problem = {
    where: 'coreapp.url',
    given: 'no value',
    fault: 'is not allowed where NODE_ENV is production',
    wanted: 'give the Coreapp’s origin, such as http://coreapp:9090, here or in COREAPP_URL',
  };
  return [{ between: ['coreapp.url'], problem }];
}

/** A body that is larger than the whole line could never be held. */
function bodyClash(facts: Facts, of: (typeof endpointClasses)[number]): Clash[] {
  const { bodyMaxBytes, lineMaxBytes } = facts.config.limits[of];
  const body = sourceOf(facts, of, 'bodyMaxBytes');
  const line = sourceOf(facts, of, 'lineMaxBytes');
  const inherited = of !== 'default' && [body, line].every((name) => name.startsWith('limits.default.'));
  if (bodyMaxBytes <= lineMaxBytes || inherited) return [];
  if (facts.given(body) === undefined && facts.given(line) !== undefined) {
    return [clash(facts, line, body, lineMaxBytes, `at least ${body} (${bodyMaxBytes})`)];
  }
  return [clash(facts, body, line, bodyMaxBytes, `at most ${line} (${lineMaxBytes})`)];
}

/** The setting that a class's limit comes from. */
function sourceOf(facts: Facts, of: (typeof endpointClasses)[number], name: LimitName): string {
  return `limits.${facts.settings.limits[of][name] === undefined ? 'default' : of}.${name}`;
}

/** What is allowed, and still worth knowing before the start. */
export function notesOn(facts: Facts): string[] {
  const { coreapp, redis, limits, stop } = facts.config;
  const notes: string[] = [];
  if (coreapp.url === null) notes.push('coreapp.url is not set: the bundled Coreapp simulator takes its place');
  if (redis.url === null)
    notes.push('redis.url is not set: limits, users and tokens live in this process and end with it');
  const longest = endpointClasses.toSorted((a, b) => limits[b].holdMaxMs - limits[a].holdMaxMs)[0] ?? 'default';
  if (stop.graceMs < limits[longest].holdMaxMs) {
    notes.push(
      `stop.graceMs (${stop.graceMs}) is shorter than holdMaxMs of ${longest} (${limits[longest].holdMaxMs}): at a stop, what waits longest is refused`,
    );
  }
  return notes;
}
