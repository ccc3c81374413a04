/** The layer of the environment variables. */
import { z } from 'zod';
import { editDistance, nearest, plainOf } from './hints.ts';
import { emptyLayer, type Layer, leaves } from './layer.ts';
import { badValue } from './problems.ts';
import { type Leaf, unwrapped } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that environment variables give. An empty variable counts as not set. */
export function environmentLayer(env: Environment): Layer {
  const layer = emptyLayer();
  for (const leaf of leaves) {
    const [where, ...others] = namesOf(leaf).filter((name) => (env[name] ?? '') !== '');
    if (where === undefined) continue;
    const text = env[where] as string;
    const other = others.find((name) => env[name] !== text);
    if (other !== undefined) {
      layer.broken.set(leaf.name, where);
      const problem = { where, given: `a value next to another one in ${other}`, fault: 'is not allowed' };
      layer.problems.push({ ...problem, wanted: 'they mean the same; give one of them', setting: leaf.name });
      continue;
    }
    const value = takesNumber(leaf.schema) ? strictNumber(text) : text;
    const parsed = leaf.schema.safeParse(value);
    if (parsed.success) {
      layer.given.set(leaf.name, { value: parsed.data, where });
    } else {
      layer.broken.set(leaf.name, where);
      layer.problems.push({ ...badValue(where, leaf.about, value), setting: leaf.name });
    }
  }
  return layer;
}

const namesOf = ({ about: { env, envToo } }: Leaf): string[] => [env, envToo].filter((name) => name !== undefined);

function takesNumber(schema: z.core.$ZodType): boolean {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodNumber || (inner instanceof z.ZodUnion && inner.options.some(takesNumber));
}

/**
 * Plain decimals only: no hexadecimal, no exponent, no blanks. Anything else stays text, which no number setting takes.
 */
function strictNumber(text: string): number | string {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Every variable that has an effect, and what it gives. */
export const variables: ReadonlyMap<string, string> = new Map([
  ['WEIR_CONFIG', 'The configuration file.'],
  ...leaves.flatMap((leaf) => namesOf(leaf).map((name) => [name, leaf.about.description] as const)),
]);
const known = [...variables.keys()];

/**
 * What Kubernetes sets in every Pod for a Service, which may have any name, `weir` as well: WEIR_SERVICE_HOST,
 * WEIR_SERVICE_PORT_HTTP, WEIR_PORT_8080_TCP_ADDR. Only its value tells WEIR_PORT from a port that somebody meant.
 */
function isOfService(name: string, value: string): boolean {
  return (
    /_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(name) ||
    (name.endsWith('_PORT') && /^\w+:\/\//.test(value))
  );
}

/**
 * Variables that were probably meant for Weir and have no effect. They are not refused, since other programs' variables
 * may begin alike.
 */
export function strayVariables(env: Environment): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    if (value === '' || variables.has(name) || isOfService(name, value)) return [];
    const isOurs = name.startsWith('WEIR_');
    const meant = isOurs ? meantBy(name) : missedBy(name, env);
    if (meant === undefined && !isOurs) return [];
    const hint = meant === undefined ? 'weir serve --help names those that are' : `did you mean ${meant}?`;
    return [`the variable ${name} is not one of Weir's; ${hint}`];
  });
}

/** `WEIR_PORT`: PORT. `WEIR_LIMITS_MESSAGES_RATE`: that setting, which only the file has. */
function meantBy(name: string): string | undefined {
  const bare = name.replace('WEIR_', '');
  const setting = leaves.find((leaf) => plainOf(leaf.name) === plainOf(bare));
  const limit = limitMeantBy(bare);
  if (limit !== undefined) return `${limit} in the configuration file`;
  if (setting !== undefined) return setting.about.env ?? `${setting.name} in the configuration file`;
  return nearest(name, known) ?? nearest(bare, known) ?? known.find((variable) => name.startsWith(`${variable}_`));
}

/** `LIMITS_MESSAGES_RATE`: a class may have any name. */
function limitMeantBy(bare: string): string | undefined {
  const [, of = '', name = ''] = /^LIMITS_([^_]+)_(.+)$/.exec(bare) ?? [];
  const limit = leaves.find(({ path }) => path[1] === 'default' && plainOf(path[2] ?? '') === plainOf(name));
  return of === '' || limit === undefined ? undefined : `limits.${of.toLowerCase()}.${limit.path[2]}`;
}

/**
 * A name without WEIR_ may be any program's: it has to come closer, and the variable that it misses must not be set.
 */
function missedBy(name: string, env: Environment): string | undefined {
  const plain = plainOf(name);
  return known.find((variable) => {
    const target = plainOf(variable);
    return !env[variable] && editDistance(plain, target) <= Math.max(1, Math.floor(target.length / 5));
  });
}
