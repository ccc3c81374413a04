/** Defaults, file, environment: read whole, judged whole, every problem at once. */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultClass } from '../exchange/route.ts';
import { type Config, configOf } from './config.ts';
import { readCredentials } from './credentials.ts';
import { type Environment, environmentLayer, strayVariables } from './environment.ts';
import type { Facts } from './facts.ts';
import { fileLayer } from './file.ts';
import { unreadable } from './file-text.ts';
import { nearest } from './hints.ts';
import { readKeyFile } from './jwt-rules.ts';
import { emptyLayer, type Given, type Layer, leafOf, leaves } from './layer.ts';
import { otelOf } from './otel.ts';
import { badFile, type Problem } from './problems.ts';
import { profileLayer } from './profiles.ts';
import { clashes, notesOn } from './rules.ts';
import { type ProfileName, type Settings, settingsSchema } from './schema.ts';
import { attempt, filePairs, readFilePairs, rejectBoth, whereIn } from './secret-files.ts';
import { readTlsFiles } from './tls-files.ts';

export type { Config } from './config.ts';
export { formatProblem, type Problem } from './problems.ts';

export interface Sources {
  /**
   * The file that the command line names; null: `WEIR_CONFIG`, else `config/weir.yaml` of the package if it is there.
   */
  readonly file: string | null;
  readonly env: Environment;
  /** The text of a file; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** True for the names of the settings that are needed: all others keep their defaults unread. Not there: for all. */
  readonly needs?: (setting: string) => boolean;
}

export type Loaded =
  | {
      readonly ok: true;
      readonly config: Config;
      /** The file that was read; null: none. */
      readonly file: string | null;
      /** What an operator should know before the start, a line each. */
      readonly notes: readonly string[];
      /** Tells it from others: made of all settings but secrets. */
      readonly hash: string;
      /** What differs from the defaults. */
      readonly changes: readonly Change[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly notes: readonly string[] };

interface Change {
  /** `limits.messages.rate` */
  readonly setting: string;
  /** As text; a secret only says that it is set. */
  readonly value: string;
  /** `config/weir.yaml:14:11` or the variable's name. */
  readonly from: string;
}

/** The commented default, `config/weir.yaml` of the package. */
export const packagedFile = fileURLToPath(new URL('../../config/weir.yaml', import.meta.url));

export function loadConfig(sources: Sources): Loaded {
  const { needs = () => true } = sources;
  const { layer: wholeFile, file } = readLayer(sources);
  const fromFile = only(wholeFile, needs);
  const fromEnvironment = only(environmentLayer(sources.env), needs);
  const layers = [fromFile, fromEnvironment];
  layers.forEach(rejectBoth);
  const profile = only(profileLayer(profileGiven(layers)), needs);
  const own = merge(fromFile, fromEnvironment);
  const merged = merge(profile, own);
  readFilePairs(merged, sources.readFile);
  const settings = settingsOf(merged.given);
  const tls = readTlsFiles(settings, merged.given, sources.readFile, Date.now());
  const filesAt = merged.given.get('coreapp.authorizations')?.where ?? 'coreapp.authorizations';
  const { credentials, problems: badCredentials } = readCredentials(settings.coreapp, filesAt, sources.readFile);
  const keysAt = merged.given.get('auth.jwt.jwksFile')?.where;
  const keys = readKeyFile(settings.auth.jwt, keysAt, sources.readFile);
  const files = { tls: tls.parts, credentials, keys: keys.text };
  const facts: Facts = {
    settings,
    config: configOf(settings, files, otelOf(sources.env)),
    given: (name) => own.given.get(name),
    production: sources.env['NODE_ENV'] === 'production',
  };
  const problems = [
    ...inFileOrder([...fromFile.problems, ...strayClasses(fromFile, merged)]),
    ...fromEnvironment.problems,
    ...merged.problems,
    ...tls.problems,
    ...badCredentials,
    ...keys.problems,
    ...clashes(facts)
      .filter(({ between }) => between.every((name) => needs(name) && !merged.broken.has(name)))
      .map(({ problem }) => problem),
  ];
  const stray = strayVariables(sources.env);
  if (problems.length > 0) return { ok: false, problems, notes: stray };
  const notes = [...stray, ...tls.notes, ...facts.config.otel.notes, ...notesOn(facts)];
  return {
    ok: true,
    config: facts.config,
    file,
    notes,
    hash: hashOf(settings),
    changes: changesOf(merged.given, profile),
  };
}

function profileGiven(layers: readonly Layer[]): ProfileName {
  const given = layers.findLast((layer) => layer.given.has('profile'))?.given.get('profile');
  return (given?.value as ProfileName | undefined) ?? 'coreapp';
}

/** A class that says nothing of the requests that belong to it is a misspelt one of the profile's. */
function strayClasses({ classes }: Layer, { given, broken, classes: all }: Layer): Problem[] {
  const has = (name: string): boolean => given.has(`limits.${name}.match`) || broken.has(`limits.${name}.match`);
  const known = [...all.keys(), defaultClass].filter((name) => name === defaultClass || has(name));
  return [...classes].flatMap(([name, where]) => {
    if (has(name)) return [];
    const near = nearest(name, known);
    const wanted =
      near === undefined
        ? `give it match, a list such as ["POST /v2/orders"], or take one of ${known.join(', ')}`
        : `did you mean limits.${near}?`;
    return [{ where, given: `limits.${name}`, fault: 'is not a setting', wanted }];
  });
}

/** The file's layer and the file's name as an operator would write it. */
function readLayer({ file, env, readFile }: Sources): { readonly layer: Layer; readonly file: string | null } {
  const named = file ?? (env['WEIR_CONFIG'] === '' ? undefined : env['WEIR_CONFIG']);
  const name = named ?? shortest(packagedFile);
  const read = attempt(() => readFile(named ?? packagedFile));
  if (read.ok) {
    const layer = fileLayer(read.text, name);
    const profile = profileGiven([layer, environmentLayer(env)]);
    // The package's file says what the profile coreapp begins with: nobody has chosen it for another one.
    const isMeant = named !== undefined || profile === profileGiven([layer]);
    return isMeant ? { layer, file: name } : { layer: emptyLayer(), file: null };
  }
  const layer = emptyLayer();
  if (named === undefined && (read.error as NodeJS.ErrnoException).code === 'ENOENT') return { layer, file: null };
  const by = file !== null ? '--config' : named !== undefined ? 'WEIR_CONFIG' : 'configuration';
  layer.problems.push(badFile(by, name, unreadable(read.error, 'give the path of a readable YAML file')));
  return { layer, file: name };
}

function shortest(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}

function only(layer: Layer, needs: (setting: string) => boolean): Layer {
  const kept = <T>(all: ReadonlyMap<string, T>) => new Map([...all].filter(([name]) => needs(name)));
  const classes = new Map([...layer.classes].filter(([name]) => needs(`limits.${name}.match`)));
  const problems = layer.problems.filter(({ setting }) => setting === undefined || needs(setting));
  return { given: kept(layer.given), broken: kept(layer.broken), problems, classes };
}

/** The upper one goes before the lower one. If it gives one of a pair, the lower one's other one is not meant. */
function merge(lower: Layer, upper: Layer): Layer {
  const merged: Layer = {
    given: new Map([...lower.given, ...upper.given]),
    broken: new Map([...lower.broken, ...upper.broken]),
    problems: [],
    classes: new Map([...lower.classes, ...upper.classes]),
  };
  for (const pair of filePairs) {
    if ((whereIn(upper, pair.content) ?? whereIn(upper, pair.file)) === undefined) continue;
    for (const leaf of [pair.content, pair.file]) {
      if (!upper.given.has(leaf.name)) merged.given.delete(leaf.name);
      if (!upper.broken.has(leaf.name)) merged.broken.delete(leaf.name);
    }
  }
  return merged;
}

/** All values are valid by now, so this cannot fail. */
function settingsOf(given: ReadonlyMap<string, Given>): Settings {
  const tree: Record<string, unknown> = {};
  for (const [name, { value }] of given) {
    const path = name.split('.');
    let section = tree;
    for (const key of path.slice(0, -1)) {
      // A class may be called as something that every object has.
      if (!Object.hasOwn(section, key)) section[key] = {};
      section = section[key] as Record<string, unknown>;
    }
    section[path.at(-1) as string] = value;
  }
  return settingsSchema.parse(tree);
}

/** The order in which settings are written makes no difference, nor does a secret. */
function hashOf(settings: Settings): string {
  const secret = new Set(leaves.filter(({ about }) => about.secret === true).map(({ name }) => name));
  return createHash('sha256')
    .update(canonical(settings, [], secret))
    .digest('hex')
    .slice(0, 12);
}

function canonical(value: unknown, path: readonly string[], secret: ReadonlySet<string>): string {
  if (secret.has(path.join('.'))) return '""';
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, [...path, ''], secret)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one, [...path, key], secret)}`).join(',')}}`;
}

/** In the order of the schema, each class's settings where it was named first. */
function changesOf(given: ReadonlyMap<string, Given>, profile: Layer): Change[] {
  const places = new Map(leaves.map(({ name }, place) => [name, place]));
  const ofClasses = leaves.findLastIndex(({ name }) => name.startsWith('limits.'));
  const place = (name: string): number => places.get(name) ?? ofClasses;
  const found = [...given.keys()].map(leafOf).toSorted((a, b) => place(a.name) - place(b.name));
  return found.flatMap((leaf) => {
    const found = given.get(leaf.name) as Given;
    const before = profile.given.get(leaf.name)?.value ?? leaf.fallback;
    if (JSON.stringify(found.value) === JSON.stringify(before)) return [];
    const value = leaf.about.secret === true ? 'set (not shown)' : text(found.value);
    return [{ setting: leaf.name, value, from: found.where.split(': ')[0] as string }];
  });
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(part).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return namesOf(value);
}

/** Of a list or an object, in braces where it has parts itself. */
function part(value: unknown): string {
  if (Array.isArray(value)) return `[${text(value)}]`;
  return typeof value === 'object' && value !== null ? `{${namesOf(value)}}` : String(value);
}

const namesOf = (value: object): string =>
  Object.entries(value)
    .map(([name, one]) => `${name}: ${part(one)}`)
    .join(', ');

/** By line and column, as they were found otherwise. */
function inFileOrder(problems: readonly Problem[]): Problem[] {
  const place = ({ where }: Problem): number => {
    const [, line, column] = /:(\d+):(\d+)(?:: |$)/.exec(where) ?? [];
    return line === undefined ? -1 : Number(line) * 1_000_000 + Number(column);
  };
  return problems.toSorted((a, b) => place(a) - place(b));
}
