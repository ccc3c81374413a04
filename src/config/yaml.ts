/** A YAML file, read without judging what it says: nodes with their places, and what is wrong with its form. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
} from 'yaml';
import type { Problem } from './problems.ts';

interface YamlFile {
  /** The outermost node; null: the file is empty or cannot be understood. */
  readonly root: YamlNode | null;
  readonly problems: readonly Problem[];
}

/** A value with its place, `config/weir.yaml:14:11`. Anchors and aliases are resolved. */
export type YamlNode =
  | { readonly kind: 'map'; readonly at: string; readonly entries: readonly YamlEntry[] }
  | { readonly kind: 'list'; readonly at: string; readonly items: readonly YamlNode[] }
  | { readonly kind: 'scalar'; readonly at: string; readonly value: unknown };

export interface YamlEntry {
  /** Null: the key is no plain name. */
  readonly key: string | null;
  /** The key's place. */
  readonly at: string;
  readonly value: YamlNode;
}

/** Deeper than any setting lies; also where an alias to itself ends. */
const depthMax = 16;
/** More nodes than any configuration has; where aliases that multiply end. */
const nodesMax = 100_000;

/**
 * The parser's own messages quote the text, and text that YAML stumbles over is often an unquoted password. So the
 * words are ours: what is wrong, and what would be right.
 */
const words: Readonly<Record<string, readonly [fault: string, wanted: string]>> = {
  BAD_ALIAS: ['a * that names no anchor', 'put a value that begins with * in quotes'],
  BAD_DQ_ESCAPE: ['an unknown \\ escape in double quotes', 'use single quotes, or \\\\ for a backslash'],
  BAD_MERGE: ['a << without settings', 'give it the *anchor of a section, or a list of such: <<: [*one, *other]'],
  BAD_INDENT: [
    'wrong indentation or an open bracket',
    'indent the settings of a section alike, and close what was opened',
  ],
  BAD_SCALAR_START: ['a value that begins with a reserved character', 'put a value that begins with @ or ` in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['a second colon on one line', 'give one name: value a line, or put the value in quotes'],
  MISSING_CHAR: ['a missing colon, quote, comma or bracket', 'write name: value, and close what was opened'],
  MULTILINE_IMPLICIT_KEY: ['a name without a colon', 'write name: value'],
  MULTIPLE_DOCS: ['a second document', 'remove the line ---'],
  TAB_AS_INDENT: ['a tab as indentation', 'indent with spaces'],
  TAG_RESOLVE_FAILED: ['an unknown !tag', 'put a value that begins with ! in quotes'],
};
const otherWords = [
  'something that is not YAML',
  'write name: value, and put values with special characters in quotes',
] as const;

export function readYaml(text: string, name: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
  });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    return { root: null, problems: faults.map((fault) => formProblem(at(fault.pos[0]), fault.code)) };
  if (document.contents === null) return { root: null, problems: [] };
  const reader = new Reader(document, at);
  try {
    return { root: reader.node(document.contents, 0, 0), problems: reader.problems };
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    const wanted = 'give each setting once, without aliases';
    return { root: null, problems: [{ where: name, given: 'more than a configuration', fault: 'was found', wanted }] };
  }
}

function formProblem(where: string, code: string): Problem {
  const [given, wanted] = words[code] ?? otherWords;
  return { where, given, fault: 'was found', wanted };
}

class TooMuch extends Error {}

interface Pair {
  readonly key: unknown;
  readonly value: unknown;
}

/** In quotes it is a name like others. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && (key.type === undefined || key.type === Scalar.PLAIN);
}

class Reader {
  readonly #document: Document;
  readonly #at: (offset: number) => string;
  readonly problems: Problem[] = [];
  #nodes = 0;

  constructor(document: Document, at: (offset: number) => string) {
    this.#document = document;
    this.#at = at;
  }

  node(given: unknown, offset: number, depth: number): YamlNode {
    if (++this.#nodes > nodesMax || depth > depthMax) throw new TooMuch();
    const node = isNode(given) ? given : null;
    const start = node?.range?.[0] ?? offset;
    const at = this.#at(start);
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (isAlias(node) && target === undefined) this.problems.push(formProblem(at, 'BAD_ALIAS'));
    if (isMap(target)) return { kind: 'map', at, entries: this.#entries(target.items, start, depth) };
    if (isSeq(target))
      return { kind: 'list', at, items: target.items.map((item) => this.node(item, start, depth + 1)) };
    return { kind: 'scalar', at, value: isScalar(target) ? target.value : null };
  }

  /**
   * With what merge keys bring (`<<: *anchor`): settings given here win over merged ones, and the first merged one wins
   * over later ones.
   */
  #entries(pairs: readonly Pair[], offset: number, depth: number): readonly YamlEntry[] {
    const own: YamlEntry[] = [];
    const merged: YamlEntry[] = [];
    for (const pair of pairs) {
      const entry = this.#entry(pair, offset, depth);
      if (isMergeKey(pair.key)) merged.push(...this.#merged(entry));
      else own.push(entry);
    }
    if (merged.length === 0) return own;
    const seen = new Set(own.map(({ key }) => key));
    return [...own, ...merged.filter(({ key }) => seen.size !== seen.add(key).size)];
  }

  #merged({ at, value }: YamlEntry): readonly YamlEntry[] {
    const sources = value.kind === 'list' ? value.items : [value];
    return sources.flatMap((source) => {
      if (source.kind === 'map') return source.entries;
      this.problems.push(formProblem(at, 'BAD_MERGE'));
      return [];
    });
  }

  #entry(pair: Pair, offset: number, depth: number): YamlEntry {
    const key = pair.key as Node;
    const start = key.range?.[0] ?? offset;
    const name = isScalar(key) && key.value !== null ? `${key.value as string | number | boolean}` : null;
    return { key: name, at: this.#at(start), value: this.node(pair.value, start, depth + 1) };
  }
}

/** The node as a plain value. */
export function plainValue(node: YamlNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map':
      return Object.fromEntries(node.entries.map((entry) => [entry.key ?? '', plainValue(entry.value)]));
  }
}
