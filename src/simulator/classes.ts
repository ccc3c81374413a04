/**
 * The endpoint classes of docs/reference/webapp-contract.md: each has a limit of its own, the method does not matter.
 * Written down here once more and not taken from `profiles/coreapp/routes.ts`: the referee keeps its own book, and
 * `test/spec/simulator.test.ts` compares them.
 */
export const classes = [
  'messages',
  'contacts',
  'media',
  'settings',
  'account',
  'stickers',
  'certificates',
  'services',
  'groups',
  'health',
  'stats',
  'support',
  'default',
] as const;

export type Class = (typeof classes)[number];

/** A value for each name. */
export const forEach = <Name extends string, Value>(names: readonly Name[], value: (name: Name) => Value) =>
  Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, Value>;

const classBySegment = new Map<string, Class>(
  classes.filter((name) => name !== 'default').map((name) => [name === 'stickers' ? 'stickerpacks' : name, name]),
);

/** The class of a path without query and trailing slash: its first segment behind `/v1/`. */
export function classOf(path: string): Class {
  if (!path.startsWith('/v1/')) return 'default';
  const slash = path.indexOf('/', 4);
  return classBySegment.get(slash === -1 ? path.slice(4) : path.slice(4, slash)) ?? 'default';
}

export interface Target {
  /** Without trailing slashes: they mean the same endpoint. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
}

export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  let end = mark === -1 ? url.length : mark;
  while (end > 1 && url.charCodeAt(end - 1) === 47) end--;
  return { path: end === url.length ? url : url.slice(0, end), query: mark === -1 ? '' : url.slice(mark + 1) };
}
