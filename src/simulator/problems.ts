/** What is wrong with a setting, in words: the field, what was given, what would be right. */
import type { z } from 'zod';

export interface Problem {
  /** Where: `['faults', 'hang']`; empty for the whole. */
  readonly path: readonly string[];
  /** What is wrong and what would be right, to be put behind the field's name. */
  readonly text: string;
}

export const lineOf = ({ path, text }: Problem): string => (path.length === 0 ? text : `${path.join('.')}: ${text}`);

const kinds: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  string: 'a text',
  object: 'an object',
};

export function problemsOf(issues: readonly z.core.$ZodIssue[], input: unknown): Problem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], text: `unknown; give ${issue.message}` }));
    }
    return [{ path, text: `${shown(valueAt(input, path))} is ${wrong(issue)}; give ${issue.message}` }];
  });
}

function wrong(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `not ${kinds[issue.expected] ?? 'right'}`;
    case 'too_small':
      return 'too small';
    case 'too_big':
      return 'too big';
    default:
      return 'not right';
  }
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    input,
  );
}

/** A value as JSON, cut short: an error line is no place for a megabyte. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
