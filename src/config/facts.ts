/** What rules between settings look at, and how they tell what is wrong. */
import type { ClassLimits, LimitName } from '../admission/limits.ts';
import { defaultClass, type EndpointClass } from '../exchange/route.ts';
import type { Config } from './config.ts';
import type { Given } from './layer.ts';
import { badValue, type Clash } from './problems.ts';
import type { Settings } from './schema.ts';

export interface Facts {
  readonly settings: Settings;
  readonly config: Config;
  /** Who gave a setting; undefined: it is the default. */
  readonly given: (name: string) => Given | undefined;
  /** True where NODE_ENV is production. */
  readonly production: boolean;
}

export const classesIn = ({ config }: Pick<Facts, 'config'>): EndpointClass[] => Object.keys(config.limits);

export const limitsFor = ({ config }: Pick<Facts, 'config'>, of: EndpointClass): ClassLimits =>
  config.limits[of] as ClassLimits;

export const whereOf = (facts: Facts, name: string): string => facts.given(name)?.where ?? name;

export function clash(facts: Facts, name: string, other: string, value: unknown, wanted: string): Clash {
  return { between: [name, other], problem: badValue(whereOf(facts, name), { description: '', wanted }, value) };
}

/**
 * A value that is not allowed beside those of other settings.
 * @param between the setting that is told, and the others
 */
export function notAllowed(
  facts: Facts,
  between: readonly [string, ...string[]],
  given: string,
  wanted: string,
): Clash {
  return { between, problem: { where: whereOf(facts, between[0]), given, fault: 'is not allowed', wanted } };
}

/** The setting that a class's limit comes from. */
export function sourceOf(facts: Facts, of: EndpointClass, name: LimitName): string {
  return `limits.${facts.settings.limits[of]?.[name] === undefined ? defaultClass : of}.${name}`;
}

/** The class whose limit of that kind is the highest. */
export function largestOf(facts: Pick<Facts, 'config'>, name: 'bodyMaxBytes' | 'holdMaxMs'): EndpointClass {
  const most = (of: EndpointClass): number => limitsFor(facts, of)[name];
  return classesIn(facts).reduce((a, b) => (most(b) > most(a) ? b : a), defaultClass);
}
