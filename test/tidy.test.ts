/**
 * The code's own rules, as far as text shows them; who may import what is in .dependency-cruiser.js. Each offence
 * names the place, the right module and the reason.
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const notOurs = new Set(['node_modules', '.git', '.cache', 'coverage', 'dist']);

const files = globSync(['**/*', '.*', '.*/**/*'], { cwd: root, exclude: (path) => notOurs.has(basename(path)) })
  .filter((path) => !notOurs.has(basename(path)) && statSync(root + path, { throwIfNoEntry: false })?.isFile())
  .sort();

interface Rule {
  readonly says: string;
  readonly where: RegExp;
  readonly except?: RegExp;
  readonly forbidden: RegExp;
  /** Comments may speak of what code may not do. */
  readonly inComments?: boolean;
  readonly instead: string;
}

const timeless =
  /^src\/((http|wire(?!\/(server|client)\/)|exchange|observe|auth|bodies|admission|upstream|profiles)\/|(proxy|clock)\.ts$)/;

const rules: readonly Rule[] = [
  {
    says: 'the subjects take the time from a Clock',
    where: timeless,
    forbidden: /\b(Date\.now|performance\.now|process\.(hrtime|uptime)|new Date\(\)|Temporal\.Now)/,
    instead:
      'ask the Clock that is handed in (src/clock.ts), so that scenarios of minutes run in milliseconds. ' +
      'The machine’s clock is in src/adapters/node/clock.ts and nowhere else.',
  },
  {
    says: 'the subjects set alarms, not timers',
    where: timeless,
    forbidden: /\b(setTimeout|setInterval|setImmediate|node:timers|AbortSignal\.timeout)\b/,
    instead:
      'use Clock.after (src/clock.ts), which virtual time can drive. Timers are for src/adapters/ and the two ends of src/wire/.',
  },
  {
    says: 'the subjects throw no dice',
    where: timeless,
    forbidden: /\b(Math\.random|randomBytes|randomUUID|getRandomValues)\b/,
    instead: 'have chance handed in, so that a run can be repeated. Its source belongs to src/adapters/.',
  },
  {
    says: 'files of src import files by their name, without a detour',
    where: /^src\/.*\.ts$/,
    forbidden: /\b(require\(|createRequire\b|process\.getBuiltinModule\b)/,
    instead: 'write an import, so that the walls (.dependency-cruiser.js) can see it.',
  },
  {
    says: 'paths of the Coreapp are in its profile',
    where: /^src\/(?!profiles\/coreapp\/|simulator\/).*\.ts$/,
    forbidden: /['"`](\* )?\/v1\b/,
    instead:
      'with another profile Weir takes no path from the upstream: say it in config/profiles/coreapp.yaml, or in src/profiles/coreapp/ ' +
      'and choose it in src/app/profile.ts.',
  },
  {
    says: 'tests wait for a state, not for a time',
    where: /^test\//,
    except: /^test\/((deploy\/)?support\/|tidy\.test\.ts$)/,
    forbidden: /\b(setTimeout|setInterval|node:timers|Atomics\.wait)\b/,
    instead:
      'poll with until() (test/support/until.ts), wait for an event, or let a VirtualClock run (test/support/virtual-clock.ts): ' +
      'a test that sleeps is slow on a fast machine and wrong on a slow one.',
  },
  {
    says: 'no test keeps the others from running',
    where: /^test\/.*\.ts$/,
    forbidden: /\b(it|test|describe|suite)(\.\w+)*\.only\b|\b(fit|fdescribe)\(/,
    instead: 'take it out again; to run one test, name it: npm test -- test/file.test.ts -t "its name".',
  },
  {
    says: 'nothing is left to be done',
    where: /./,
    except: /^package-lock\.json$/,
    forbidden: /\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/,
    inComments: true,
    instead: 'do it, or write an issue; a note in the code is neither.',
  },
  {
    says: 'no file knows the machine that it was written on',
    where: /./,
    forbidden: /(^|[\s"'`=:(])(\/(work|root|home|Users)\/\w|[A-Z]:\\\w)/,
    inComments: true,
    instead: 'a path comes from import.meta.url, os.tmpdir() or the configuration.',
  },
  {
    says: 'no file knows where packages come from',
    where: /./,
    forbidden: /"resolve[d]":|https?:\/\/[\w.-]*(registry|artifactory|nexus|mirror|npmmirror)[\w.-]*|_auth[T]oken/,
    inComments: true,
    instead: 'where packages come from is the machine’s npm configuration; a lock file needs "integrity" only.',
  },
];

/** The code alone: comments become spaces, so that lines and strings stay where they are. */
function withoutComments(code: string): string {
  const stringOrComment = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/.*|\/\*[\s\S]*?\*\//g;
  return code.replace(stringOrComment, (found: string, string?: string) => string ?? found.replace(/[^\n]/g, ' '));
}

function offences({ where, except, forbidden, inComments = false, instead }: Rule): string[] {
  return files
    .filter((path) => where.test(path) && !except?.test(path))
    .flatMap((path) => {
      const text = readFileSync(root + path, 'utf8');
      return (inComments ? text : withoutComments(text)).split('\n').flatMap((line, index) => {
        const found = forbidden.exec(line);
        return found === null ? [] : [`${path}:${index + 1}: ${found[0].trim()}: ${instead}`];
      });
    });
}

/** A page without its examples, whose brackets are no links and whose `#` are no headings. */
const prose = (page: string): string => readFileSync(root + page, 'utf8').replace(/^ *```.*?^ *```/gms, '');

/** The anchors of a page's headings, as GitHub makes them. */
const anchors = (page: string): string[] =>
  [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );

function deadLinks(page: string): string[] {
  return [...prose(page).matchAll(/\]\((?!https?:)([^)\s#]*)#?([^)\s]*)\)/g)].flatMap(([, path = '', anchor = '']) => {
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(root + target)) return [`${page}: there is no ${target}`];
    return anchor === '' || anchors(target).includes(anchor) ? [] : [`${page}: ${target} has no heading #${anchor}`];
  });
}

/** Only a warning: a thought of 320 lines is better in one piece. */
const longFileLines = 300;

afterAll(() => {
  for (const path of files.filter((file) => /^src\/.*\.(ts|lua)$/.test(file))) {
    const lines = readFileSync(root + path, 'utf8')
      .trimEnd()
      .split('\n').length;
    if (lines > longFileLines) console.warn(`${path}: ${lines} lines. Is it one verb, or one thing?`);
  }
});

describe('the code', () => {
  it('looks at its files', () => {
    expect(files).toEqual(expect.arrayContaining(['src/clock.ts', 'test/tidy.test.ts', '.ci/run', 'package.json']));
  });

  it.each(rules)('$says', (rule) => {
    expect(offences(rule)).toEqual([]);
  });

  it('has no link that leads nowhere', () => {
    // A part of helm/README.md: its links are relative to that.
    const pages = files.filter((path) => path.endsWith('.md') && path !== 'scripts/chart/page.md');
    expect(pages.flatMap(deadLinks)).toEqual([]);
  });

  it('names no file of src/ and no page of docs/ that is not there', () => {
    const gone = files.flatMap((path) =>
      [...readFileSync(root + path, 'utf8').matchAll(/(?<![\w./-])(docs|src)\/[\w/.-]+\.(md|svg|ts|lua)\b/g)]
        .filter(([named]) => !existsSync(root + named))
        .map(([named]) => `${path}: there is no ${named}`),
    );
    expect(gone).toEqual([]);
  });

  it('has every module and every adapter in its drawing', () => {
    const drawing = readFileSync(`${root}docs/architecture.svg`, 'utf8').replaceAll(/<[^>]*>/g, ' ');
    const modules = files.flatMap((path) => /^src\/(?:adapters\/)?([^/.]+)\//.exec(path)?.[1] ?? []);
    const missing = [...new Set(modules)].filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(drawing));
    expect(missing).toEqual([]);
  });

  it('keeps every outside package in one module', () => {
    // `import type` is left alone: naming a shape does nothing.
    // Both only read text: settings come to Weir and to the simulator, which share no code.
    const anywhere = new Set(['zod', 'yaml']);
    const modules = new Map<string, Set<string>>();
    for (const path of files.filter((file) => /^src\/(adapters\/[^/]+|[^/]+)\/.*\.ts$/.test(file))) {
      const module = /^src\/(adapters\/)?[^/]+/.exec(path)?.[0] as string;
      for (const [, name = ''] of readFileSync(root + path, 'utf8').matchAll(
        /^import (?!type )[^;]*?from '((?:@[^/']+\/)?[a-z][^/':]*)['/]/gm,
      )) {
        if (!anywhere.has(name)) modules.set(name, (modules.get(name) ?? new Set()).add(module));
      }
    }
    const shared = [...modules]
      .filter(([, where]) => where.size > 1)
      .map(
        ([name, where]) =>
          `${name} is imported by ${[...where].join(' and ')}: one adapter for each outside thing; others use its port.`,
      );
    expect(shared).toEqual([]);
  });
});
