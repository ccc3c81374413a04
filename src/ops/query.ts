/** What is asked for behind the `?`. */
import type { URLSearchParams } from 'node:url';
import { type OpsPage, problem } from './page.ts';

export interface StatusQuery {
  /** Null: all. */
  readonly class: string | null;
  /** How many callers of each class are told, by their places in line; null: none. */
  readonly callers: number | null;
  /** Whether classes are told in which nothing happens. */
  readonly idle: boolean;
  /** Whether the last 15 minutes are told. */
  readonly recent: boolean;
  /** Whether classes and callers are those of the whole fleet. */
  readonly fleet: boolean;
}

/** What somebody who looks at the page chooses. */
export type PageQuery = Pick<StatusQuery, 'idle' | 'fleet'>;

/** More callers than that are not told at once. */
const callersMax = 1_000;

const flags: Readonly<Record<string, boolean>> = { true: true, false: false };

const bad = (detail: string): OpsPage => problem(400, 'Bad query', detail);

/** What is wrong where there is a parameter that is not known, or one twice; null: nothing is. */
export function strayIn(query: URLSearchParams, known: readonly string[] = []): OpsPage | null {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const there = known.length === 0 ? 'This path has none' : `There are ${known.join(', ')}`;
      return bad(`${name}: there is no such parameter. ${there}.`);
    }
    if (query.getAll(name).length > 1) return bad(`${name} is there more than once: give it once.`);
  }
  return null;
}

const wrong = (query: URLSearchParams, name: string, wanted: string): OpsPage =>
  bad(`${name}=${query.get(name)}: give ${wanted}.`);

const wrongFlag = (query: URLSearchParams, names: readonly string[]): OpsPage | null => {
  const name = names.find((one) => query.has(one) && flags[query.get(one) as string] === undefined);
  return name === undefined ? null : wrong(query, name, 'true or false');
};

export function readQuery(query: URLSearchParams): StatusQuery | OpsPage {
  const callers = query.get('callers');
  const stray = strayIn(query, ['class', 'callers', 'idle', 'recent', 'fleet']);
  if (stray !== null) return stray;
  if (callers !== null && !(/^\d{1,4}$/.test(callers) && Number(callers) <= callersMax)) {
    return wrong(query, 'callers', `a number from 0 to ${callersMax}`);
  }
  const looks = callers !== null && !query.has('class');
  return (
    wrongFlag(query, ['idle', 'recent', 'fleet']) ?? {
      class: query.get('class'),
      callers: callers === null ? null : Number(callers),
      idle: query.has('idle') ? query.get('idle') === 'true' : !looks,
      recent: query.get('recent') === 'true',
      fleet: query.get('fleet') === 'true',
    }
  );
}

export function readPageQuery(query: URLSearchParams): PageQuery | OpsPage {
  const known = ['fleet', 'idle'];
  const chosen = { fleet: query.get('fleet') === 'true', idle: query.get('idle') === 'true' };
  return strayIn(query, known) ?? wrongFlag(query, known) ?? chosen;
}
