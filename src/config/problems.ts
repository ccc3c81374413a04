/** What is wrong with a configuration, in one line each: where, what was given, what would be right. */
import { hiddenIn } from '../auth/hidden.ts';
import type { About } from './setting.ts';
import { type Reference, referenceAsPart, referenceIn, referenceInHost, unfilled } from './unfilled.ts';

export interface Problem {
  /** `config/weir.yaml:14:11: limits.messages.rate`, or the environment variable's name. */
  readonly where: string;
  /** The value as text; a secret is told by its length. */
  readonly given: string;
  readonly fault: string;
  /** What would be right, a clause of its own. */
  readonly wanted: string;
  /** The setting that was given something bad; not there: no single one. */
  readonly setting?: string;
}

/** A problem between settings, and those that have part in it. */
export interface Clash {
  readonly between: readonly string[];
  readonly problem: Problem;
}

export function formatProblem(problem: Problem): string {
  return `${problem.where}: ${problem.given} ${problem.fault}; ${problem.wanted}`;
}

/** A value that a setting does not take. */
export function badValue(where: string, about: About, value: unknown): Problem {
  const stray = about.secret === true && typeof value === 'string' ? strayCharacter(where, about, value) : null;
  if (stray !== null) return stray;
  const reference = typeof value === 'string' ? openIn(value, about.secret === true) : null;
  if (reference !== null) return { where, given: shown(value, about.secret === true), ...unfilled(reference) };
  const explained = typeof value === 'string' ? about.explain?.(value) : null;
  if (explained !== null && explained !== undefined) return { where, ...explained };
  const isOne = typeof value === 'string' && /^\s*\S+\s*$/.test(value);
  const wanted = (isOne ? about.wantedOfOne : undefined) ?? about.wanted;
  return { where, given: shown(value, about.secret === true), fault: 'is not allowed', wanted: `give ${wanted}` };
}

/**
 * A reference that was not filled in. In a secret, only a reference that fills a whole part is surely one; showing it
 * shows nothing of the secret.
 */
function openIn(text: string, secret: boolean): Reference | null {
  return secret ? referenceAsPart(text) : (referenceIn(text) ?? hostReference(text));
}

/** The shorter forms, where a host stands. */
function hostReference(text: string): Reference | null {
  const host = /^\w+:\/\/([^/?#]*)/.exec(text)?.[1] ?? text;
  return /^[\w.:$%[\]-]+$/.test(host) ? referenceInHost(host) : null;
}

/** A character in a secret that nobody sees, and nobody can type; null: there is none. */
export function strayCharacter(where: string, about: About, text: string): Problem | null {
  const stray = hiddenIn(text, about.wantedOfOne !== undefined);
  if (stray === null) return null;
  return {
    where,
    given: shown(text, true),
    fault: `holds ${stray}`,
    wanted: text.includes('\ufffd') ? 'save it as UTF-8' : 'take it out',
  };
}

/** A file that can't be read, or holds something else. */
export function badFile(
  where: string,
  path: string | null,
  { fault, wanted }: Pick<Problem, 'fault' | 'wanted'>,
): Problem {
  return { where, given: JSON.stringify(path), fault, wanted };
}

const shownMaxChars = 80;

/** A value as text for an operator. Of a secret, only its length. */
export function shown(value: unknown, secret: boolean): string {
  if (value === null || value === undefined) return 'an empty value';
  if (Array.isArray(value)) return secret || value.length > 0 ? 'a list' : 'an empty list';
  if (typeof value === 'object') return 'a group of settings';
  if (typeof value === 'string') {
    if (!secret) return quoted(value);
    return `a value of ${value.length} character${value.length === 1 ? '' : 's'}`;
  }
  return secret ? `a ${typeof value} without quotes` : `${value as number | boolean}`;
}

/** In double quotes, control characters escaped, cut where it is long; credentials of an URL are left out. */
function quoted(text: string): string {
  const told = text.replace(/^([^@/]*\/\/)?.*@/s, '$1…@').replace(/\?.*$/s, '?…');
  return JSON.stringify(told.length > shownMaxChars ? `${told.slice(0, shownMaxChars)}…` : told);
}
