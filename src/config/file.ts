/** The layer of a YAML file: every name must be known, every value allowed. */
import { z } from 'zod';
import { classForm, defaultClass } from '../exchange/route.ts';
import { fileText } from './file-text.ts';
import { nearest, plainOf } from './hints.ts';
import { emptyLayer, type Layer, leafOf, leaves } from './layer.ts';
import { badValue, type Problem, shown } from './problems.ts';
import { settingsSchema } from './schema.ts';
import { aboutOf, entriesOf, entryNamed, entryOf, itemOf, type Leaf, leavesOf } from './setting.ts';
import { plainValue, readYaml, type YamlEntry, type YamlNode } from './yaml.ts';

/** The settings that a YAML file gives. `name` is the file's, for the problems. */
export function fileLayer(decoded: string, name: string): Layer {
  const layer = emptyLayer();
  const file = fileText(decoded);
  if (!file.ok) {
    layer.problems.push({ where: name, given: 'the file', fault: file.fault, wanted: file.wanted });
    return layer;
  }
  const stray = strayByte(file.text, name);
  if (stray !== null) {
    layer.problems.push(stray);
    return layer;
  }
  const { root, problems } = readYaml(file.text, name);
  layer.problems.push(...problems);
  if (root !== null) takeSection(layer, settingsSchema, root, []);
  return layer;
}

/**
 * The first place that is no text in UTF-8; null: there is none. A decoder has put U+FFFD where bytes made no sense.
 */
function strayByte(text: string, name: string): Problem | null {
  const found = /[\0\ufffd]/.exec(text);
  if (found === null) return null;
  const lines = text.slice(0, found.index).split(/\r\n|\r|\n/);
  const column = (lines.at(-1) as string).length + 1;
  const given = found[0] === '\0' ? 'a NUL' : 'something that is not UTF-8';
  return { where: `${name}:${lines.length}:${column}`, given, fault: 'was found', wanted: 'save the file as UTF-8' };
}

/** A section that is there but empty, as when all its lines are commented out, says nothing. */
function takeSection(layer: Layer, schema: z.ZodType, node: YamlNode, path: readonly string[]): void {
  if (node.kind === 'scalar' && node.value === null) return;
  if (node.kind !== 'map') {
    const where = [node.at, ...(path.length > 0 ? [path.join('.')] : [])].join(': ');
    layer.problems.push(notSection(where, plainValue(node)));
    for (const leaf of leavesOf(schema, path)) layer.broken.set(leaf.name, where);
    return;
  }
  const isClass = path.join('.') === 'limits';
  const seen = new Set<string>();
  for (const entry of node.entries) {
    const found = entry.key === null ? undefined : entryNamed(schema, entry.key);
    if (found === undefined || entry.key === null || (isClass && !classForm.test(entry.key))) {
      layer.problems.push(unknownName(entry, path, Object.keys(entriesOf(schema) ?? {})));
      continue;
    }
    if (isClass && entry.key !== defaultClass) layer.classes.set(entry.key, entry.at);
    const here = [...path, entry.key];
    if (seen.has(entry.key)) {
      layer.problems.push({
        where: entry.at,
        given: here.join('.'),
        fault: 'was given before',
        wanted: 'keep one of them',
      });
      continue;
    }
    seen.add(entry.key);
    if (aboutOf(found) === undefined) takeSection(layer, found, entry.value, here);
    else takeValue(layer, here.join('.'), entry.value);
  }
}

/** A text in a section's place may be a secret that lost its name. */
function notSection(where: string, value: unknown): Problem {
  const given = shown(value, typeof value === 'string');
  return { where, given, fault: 'is not allowed', wanted: 'give its settings, a line name: value each, indented' };
}

function takeValue(layer: Layer, name: string, node: YamlNode): void {
  const leaf = leafOf(name);
  const given = plainValue(node);
  // A group that is there but empty, as a section may be.
  if (given === null && entryOf(leaf.schema) !== undefined) return;
  const where = `${node.at}: ${name}`;
  const parsed = leaf.schema.safeParse(given);
  const twice = repeated(node);
  if (parsed.success && twice === undefined) {
    const items = node.kind === 'list' ? node.items.map(({ at }, index) => `${at}: ${name}[${index}]`) : [];
    if (parsed.data !== null) layer.given.set(name, { value: parsed.data, where, ...(items.length > 0 && { items }) });
    return;
  }
  layer.broken.set(name, where);
  const bad = [...badItems(leaf, node), ...badEntries(leaf, node)];
  if (twice !== undefined) {
    const fault = 'was given before';
    bad.push({ where: twice.at, given: `${name}: ${shown(twice.key, false)}`, fault, wanted: 'keep one of them' });
  }
  const found = bad.length > 0 ? bad : [badValue(where, leaf.about, given)];
  layer.problems.push(...found.map((problem) => ({ ...problem, setting: name })));
}

function badItems(leaf: Leaf, node: YamlNode): Problem[] {
  const schema = itemOf(leaf.schema);
  if (node.kind !== 'list' || schema === undefined) return [];
  return node.items.flatMap((item, index) => {
    const value = plainValue(item);
    const name = `${leaf.name}[${index}]`;
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return [];
    if (item.kind === 'map') return parsed.error.issues.flatMap((issue) => badParts(item, name, issue));
    return [badValue(`${item.at}: ${name}`, leaf.about, value)];
  });
}

/** What is wrong within a group that is one of a list: the schema's message is what would be right. */
function badParts(group: YamlNode, name: string, issue: z.core.$ZodIssue): Problem[] {
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  const wanted = `give ${(inner ?? issue).message}`;
  let node = group;
  let place = name;
  for (const key of issue.path) {
    const below: YamlNode | undefined =
      node.kind === 'map'
        ? node.entries.find((entry) => entry.key === String(key))?.value
        : node.kind === 'list'
          ? node.items[Number(key)]
          : undefined;
    place = `${place}.${String(key)}`;
    if (below === undefined)
      return [{ where: `${node.at}: ${place}`, given: 'no value', fault: 'is not allowed', wanted }];
    node = below;
  }
  if (issue.code !== 'unrecognized_keys') {
    return [
      {
        where: `${node.at}: ${place}`,
        given: shown(plainValue(node), false),
        fault: 'is not allowed',
        wanted,
      },
    ];
  }
  return issue.keys.map((key) => {
    const at = node.kind === 'map' ? node.entries.find((entry) => entry.key === key)?.at : undefined;
    return { where: at ?? node.at, given: `${place}.${key}`, fault: 'is not a setting', wanted: issue.message };
  });
}

function badEntries(leaf: Leaf, node: YamlNode): Problem[] {
  const schemas = entryOf(leaf.schema);
  if (node.kind !== 'map' || schemas === undefined) return [];
  return node.entries.flatMap(({ key, at, value: given }) => {
    if (!schemas.name.safeParse(key).success) return [badValue(`${at}: a name in ${leaf.name}`, leaf.about, key)];
    const value = plainValue(given);
    if (schemas.value.safeParse(value).success) return [];
    return [badValue(`${given.at}: ${leaf.name}: ${key}`, leaf.about, value)];
  });
}

/** The first name in a group that was there before. */
function repeated(node: YamlNode): YamlEntry | undefined {
  if (node.kind !== 'map') return undefined;
  const seen = new Set<string | null>();
  return node.entries.find(({ key }) => seen.size === seen.add(key).size);
}

/** A name that is no word may hold a value that lost its blank (`{apiKey:…}`), so only words are repeated. */
function unknownName(entry: YamlEntry, path: readonly string[], siblings: readonly string[]): Problem {
  const key = entry.key ?? '';
  const given = /^[\w.-]{1,40}$/.test(key) ? [...path, key].join('.') : 'a name that is not a word';
  return { where: entry.at, given, fault: 'is not a setting', wanted: hint(key, path, siblings) };
}

function hint(key: string, path: readonly string[], siblings: readonly string[]): string {
  const sibling = nearest(key, siblings);
  if (sibling !== undefined) return `did you mean ${[...path, sibling].join('.')}?`;
  const elsewhere = leaves
    .filter((leaf) => plainOf(leaf.path.at(-1) as string) === plainOf(key))
    .map((leaf) => leaf.name);
  if (elsewhere.length > 0) return `did you mean ${elsewhere.slice(0, 2).join(' or ')}?`;
  return `known here: ${siblings.join(', ')}`;
}
