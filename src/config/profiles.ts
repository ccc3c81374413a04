/** The profiles that come with Weir: what a configuration file goes before, for one API. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fileLayer } from './file.ts';
import type { Layer } from './layer.ts';
import type { ProfileName } from './schema.ts';

const layers = new Map<ProfileName, Layer>();

/** The text of a profile's file. */
export function profileText(name: ProfileName): string {
  return readFileSync(fileURLToPath(new URL(`../../config/profiles/${name}.yaml`, import.meta.url)), 'utf8');
}

/** What a profile says. Throws where its file, which comes with Weir, is broken. */
export function profileLayer(name: ProfileName): Layer {
  let layer = layers.get(name);
  if (layer === undefined) {
    layer = fileLayer(profileText(name), `profile ${name}`);
    if (layer.problems.length > 0) throw new Error(`The profile ${name} is broken: ${JSON.stringify(layer.problems)}`);
    layers.set(name, layer);
  }
  return layer;
}
