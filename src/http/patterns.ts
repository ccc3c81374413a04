/**
 * Patterns of requests, as configuration writes them: `POST /v2/orders`, `* api.example.com/v2/orders/{id}/**`. A
 * method or `*`, a host or none, a path whose segments are names or `{any one}`, and at its end maybe `/**`: the path
 * so far and all that is below it.
 *
 * Of two patterns the more exact one is that which takes only requests that the other one takes as well. Two that take
 * some requests in common can't be told apart unless one of them is more exact.
 */
import { type Fields, fieldOf } from './fields.ts';
import { foldedPath, nameOfSegment } from './paths.ts';

export interface Pattern {
  readonly text: string;
  /** Null: any. */
  readonly method: string | null;
  /** In lower case, without a port; null: any. */
  readonly host: string | null;
  /** As `foldedPath` gives them; null: any one. */
  readonly segments: readonly (string | null)[];
  /** Whether it takes what is below its path, too. */
  readonly below: boolean;
}

export const patternForm =
  /^(?:\*|[!#$%&'+.^_`|~\w-]{1,32}) (?:[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?)?(?:\/|(?:\/(?:[\w.~-]+|\{[A-Za-z]\w*\}))+(?:\/\*\*)?|\/\*\*)$/;

/**
 * @param text of `patternForm`
 * @param caseSensitive the upstream tells `/Orders` and `/orders` apart
 */
export function readPattern(text: string, caseSensitive: boolean): Pattern {
  const blank = text.indexOf(' ');
  const slash = text.indexOf('/');
  const method = text.slice(0, blank);
  const host = text.slice(blank + 1, slash);
  const below = text.endsWith('/**');
  const path = text.slice(slash + 1, below ? Math.max(slash + 1, text.length - 3) : undefined);
  const segments =
    path === ''
      ? []
      : path.split('/').map((segment) => (segment.startsWith('{') ? null : foldedPath(segment, caseSensitive)));
  return { text, method: method === '*' ? null : method, host: host === '' ? null : host, segments, below };
}

/** How the requests that one pattern takes lie to those that another one takes. */
type Relation = 'apart' | 'same' | 'narrower' | 'wider' | 'crossing';

export function relate(a: Pattern, b: Pattern): Relation {
  return [relateOne(a.method, b.method), relateOne(a.host, b.host), relatePaths(a, b)].reduce(combined);
}

function relateOne(a: string | null, b: string | null): Relation {
  if (a === b) return 'same';
  if (a === null) return 'wider';
  return b === null ? 'narrower' : 'apart';
}

function relatePaths(a: Pattern, b: Pattern): Relation {
  let relation: Relation = 'same';
  const shared = Math.min(a.segments.length, b.segments.length);
  for (let i = 0; i < shared; i++) {
    relation = combined(relation, relateOne(a.segments[i] as string | null, b.segments[i] as string | null));
  }
  return combined(relation, relateEnds(a, b));
}

function relateEnds(a: Pattern, b: Pattern): Relation {
  if (a.segments.length < b.segments.length) return a.below ? 'wider' : 'apart';
  if (a.segments.length > b.segments.length) return b.below ? 'narrower' : 'apart';
  if (a.below === b.below) return 'same';
  return a.below ? 'wider' : 'narrower';
}

function combined(one: Relation, other: Relation): Relation {
  if (one === 'apart' || other === 'apart') return 'apart';
  if (one === 'same' || one === other) return other;
  return other === 'same' ? one : 'crossing';
}

/** A request that both take, as a pattern: what a third one would have to say to decide. */
export function both(a: Pattern, b: Pattern): string {
  const [longer, shorter] = a.segments.length >= b.segments.length ? [a, b] : [b, a];
  const segments = longer.segments.map((segment, i) => segment ?? shorter.segments[i] ?? `{${i + 1}}`);
  const path = segments.map((segment) => `/${segment}`).join('');
  return `${a.method ?? b.method ?? '*'} ${a.host ?? b.host ?? ''}${path}${a.below && b.below ? '/**' : path === '' ? '/' : ''}`;
}

/** Whether the pattern takes some request with that path; the path as `foldedPath` gives it. */
export function takesPath(pattern: Pattern, folded: string): boolean {
  const anyHow = { ...pattern, method: null, host: null };
  return new Patterns([[anyHow, true]]).find({ method: '', folded, fields: [] }) !== null;
}

interface Rule<Value> {
  readonly pattern: Pattern;
  readonly value: Value;
  /** The higher, the more exact. */
  readonly rank: number;
}

/** What comes behind a path so far. */
interface Branch<Value> {
  readonly named: Map<string, Branch<Value>>;
  any: Branch<Value> | null;
  /** For a path that ends here. */
  readonly ends: Rule<Value>[];
  /** For a path that ends here or goes on. */
  readonly below: Rule<Value>[];
}

interface Asked {
  readonly method: string;
  /** As `foldedPath` gives it. */
  readonly folded: string;
  readonly fields: Fields;
}

/**
 * Which of many patterns is meant by a request: the most exact one. A segment counts as a name's also where a lenient
 * upstream would take it for that (`orders.json` as `orders`), unless a pattern says just that.
 */
export class Patterns<Value> {
  readonly #root: Branch<Value> = branch();

  constructor(all: readonly (readonly [pattern: Pattern, value: Value])[]) {
    for (const [pattern, value] of all) {
      const rank = all.filter(([other]) => relate(pattern, other) === 'narrower').length;
      const end = this.#grow(pattern);
      (pattern.below ? end.below : end.ends).push({ pattern, value, rank });
    }
  }

  /** Null: no pattern takes it. */
  find(asked: Asked): Value | null {
    return this.#search(this.#root, asked, 1, null)?.value ?? null;
  }

  #grow({ segments }: Pattern): Branch<Value> {
    let at = this.#root;
    for (const segment of segments) {
      let next: Branch<Value> | null = segment === null ? at.any : (at.named.get(segment) ?? null);
      if (next === null) {
        next = branch();
        if (segment === null) at.any = next;
        else at.named.set(segment, next);
      }
      at = next;
    }
    return at;
  }

  /** @param start where the next segment begins; behind the path's end: there is none */
  #search(at: Branch<Value>, asked: Asked, start: number, found: Rule<Value> | null): Rule<Value> | null {
    const { folded } = asked;
    let best = better(at.below, asked, found);
    if (start >= folded.length) return better(at.ends, asked, best);
    const slash = folded.indexOf('/', start);
    const end = slash === -1 ? folded.length : slash;
    if (at.named.size > 0) {
      const segment = folded.slice(start, end);
      const named = at.named.get(segment) ?? at.named.get(nameOfSegment(segment));
      if (named !== undefined) best = this.#search(named, asked, end + 1, best);
    }
    return at.any === null ? best : this.#search(at.any, asked, end + 1, best);
  }
}

function branch<Value>(): Branch<Value> {
  return { named: new Map(), any: null, ends: [], below: [] };
}

function better<Value>(rules: readonly Rule<Value>[], asked: Asked, found: Rule<Value> | null): Rule<Value> | null {
  let best = found;
  for (const rule of rules) {
    if (best !== null && best.rank >= rule.rank) continue;
    const { method, host } = rule.pattern;
    if (method !== null && method !== asked.method) continue;
    if (host === null || host === hostOf(asked.fields)) best = rule;
  }
  return best;
}

/** Without its port and a last dot, in lower case. */
function hostOf(fields: Fields): string {
  const host = fieldOf(fields, 'host') ?? '';
  return host.replace(/\.?(?::\d*)?$/, '').toLowerCase();
}
