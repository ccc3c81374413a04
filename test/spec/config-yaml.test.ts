/** Configuration: text that is no good YAML gets a clear line as well, and never an exception. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { load, problems } from '../support/config.ts';

describe('text that is not YAML gets a line in our own words', () => {
  it.each([
    [
      'listen: port: 1',
      '1:9: a second colon on one line was found; give one name: value a line, or put the value in quotes',
    ],
    ['listen:\n\tport: 1', '2:1: a tab as indentation was found; indent with spaces'],
    [
      'log: {level: "info}',
      '1:20: a missing colon, quote, comma or bracket was found; write name: value, and close what was opened',
    ],
    ['--- {}\n--- {}', '2:1: a second document was found; remove the line ---'],
    ['log: {level: *info}', '1:14: a * that names no anchor was found; put a value that begins with * in quotes'],
    ['log: {level: !x info}', '1:14: an unknown !tag was found; put a value that begins with ! in quotes'],
    ['log: {level: info}\nlog: {level: warn}', '2:1: log was given before; keep one of them'],
    ['log:\n  level: info\n  level: warn', '3:3: log.level was given before; keep one of them'],
    ['hello', '1:1: a value of 5 characters is not allowed; give its settings, a line name: value each, indented'],
  ])('%j', (yaml, line) => {
    expect(problems(load(yaml))).toContain(`w.yaml:${line}`);
  });

  it('an alias to itself ends', () => {
    const wanted = 'give each setting once, without aliases';
    expect(problems(load('log: &log {level: *log}'))).toEqual([
      `w.yaml: more than a configuration was found; ${wanted}`,
    ]);
  });

  it('whatever the text, there is an answer and no exception', () => {
    const token = fc.constantFrom(
      ...['listen', 'limits', 'auth', 'apiKey', 'rate', ':', ': ', '\n', '  ', '- ', '{', '}', '[', ']', ',', '"', "'"],
      ...[
        '*a',
        '&a ',
        '!x ',
        '? ',
        '|',
        '>',
        '---',
        '#',
        '\t',
        '%',
        '@',
        '<<',
        '5',
        '-1',
        'null',
        '\u0000',
        '\u{1f600}',
      ],
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        const loaded = load(tokens.join(''));
        expect(loaded.ok || loaded.problems.length > 0).toBe(true);
        for (const line of problems(loaded)) expect(line).toMatch(/^w\.yaml:[^\n\t\0]+; [^\n\t\0]+$/);
      }),
      { numRuns: 1_000 },
    );
  });
});
