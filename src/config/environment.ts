/** The layer of the environment variables. */
import { z } from 'zod';
import { editDistance } from './hints.ts';
import { emptyLayer, type Layer, leaves } from './layer.ts';
import { badValue } from './problems.ts';
import { unwrapped } from './setting.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that environment variables give. An empty variable counts as not set. */
export function environmentLayer(env: Environment): Layer {
  const layer = emptyLayer();
  for (const leaf of leaves) {
    const where = leaf.about.env;
    const text = where === undefined ? undefined : env[where];
    if (where === undefined || text === undefined || text === '') continue;
    const value = unwrapped(leaf.schema) instanceof z.ZodNumber ? strictNumber(text) : text;
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

/** Plain decimals only: no hexadecimal, no exponent, no blanks. Anything else stays text, which no number setting takes. */
function strictNumber(text: string): number | string {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text;
}

const known = ['WEIR_CONFIG', ...leaves.flatMap((leaf) => leaf.about.env ?? [])];

/** Variables that are probably meant for Weir and misspelt. They are not refused: names of others begin alike. */
export function misspeltVariables(env: Environment): string[] {
  return Object.keys(env).flatMap((name) => {
    if (!/^(WEIR|WA)_/.test(name) || known.includes(name)) return [];
    const meant = known.find((candidate) => editDistance(name, candidate) <= 2);
    return meant === undefined ? [] : [`the variable ${name} is not one of Weir's; did you mean ${meant}?`];
  });
}
