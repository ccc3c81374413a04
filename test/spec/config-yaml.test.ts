/** Configuration: text that is no good YAML gets a clear line as well, and never an exception. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { config, load, problems } from '../support/config.ts';

describe('text that is not YAML gets a line in our own words', () => {
  const colon = 'a second colon on one line was found; give one name: value a line, or put the value in quotes';
  const missing = 'a missing colon, quote, comma or bracket was found; write name: value, and close what was opened';
  const beginning = (sign: string) => `was found; put a value that begins with ${sign} in quotes`;
  const section = 'its settings, a line name: value each, indented';
  it.each([
    ['listen: port: 1', `1:9: ${colon}`],
    ['listen:\n\tport: 1', '2:1: a tab as indentation was found; indent with spaces'],
    ['log: {level: "info}', `1:20: ${missing}`],
    ['--- {}\n--- {}', '2:1: a second document was found; remove the line ---'],
    ['log: {level: *info}', `1:14: a * that names no anchor ${beginning('*')}`],
    ['log: {level: !x info}', `1:14: an unknown !tag ${beginning('!')}`],
    ['log: {level: info}\nlog: {level: warn}', '2:1: log was given before; keep one of them'],
    ['log:\n  level: info\n  level: warn', '3:3: log.level was given before; keep one of them'],
    ['hello', `1:1: a value of 5 characters is not allowed; give ${section}`],
  ])('%j', (yaml, line) => {
    expect(problems(load(yaml))).toContain(`w.yaml:${line}`);
  });

  it('an alias to itself ends', () => {
    const wanted = 'give each setting once, without aliases';
    expect(problems(load('log: &log {level: *log}'))).toEqual([
      `w.yaml: more than a configuration was found; ${wanted}`,
    ]);
  });

  const utf16 = Buffer.from('\ufefflog: {level: warn}', 'utf16le');
  const wide = 'w.yaml: the file is UTF-16; save it as UTF-8';
  const latin1 = Buffer.from('log: {level: warn}\r\n# Grüße\r\n', 'latin1');
  it.each<[string, Buffer, line: string | null]>([
    ['UTF-16 with its mark', utf16, wide],
    ['UTF-16 without', utf16.subarray(2), wide],
    ['big-endian UTF-16', Buffer.from(utf16).swap16(), wide],
    ['UTF-8 with its mark', Buffer.from('\ufefflog: {level: warn}'), null],
    ['Latin-1', latin1, 'w.yaml:2:5: something that is not UTF-8 was found; save the file as UTF-8'],
    ['a NUL', Buffer.from('log:\n  level: warn\0\n'), 'w.yaml:2:14: a NUL was found; save the file as UTF-8'],
  ])('a file in %s', (_, bytes, line) => {
    const loaded = load(bytes.toString('utf8'));
    expect(problems(loaded)).toEqual(line === null ? [] : [line]);
    if (line === null) expect(config(loaded).log.level).toBe('warn');
  });

  it('whatever the text, there is an answer and no exception', () => {
    const names = ['listen', 'limits', 'auth', 'apiKey', 'rate', '5', '-1', 'null', '\u0000', '\u{1f600}'];
    const signs = [...':\n{}[],"\'|>#\t%@', ': ', '  ', '- ', '*a', '&a ', '!x ', '? ', '---', '<<'];
    const token = fc.constantFrom(...names, ...signs);
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

describe('merge keys', () => {
  it('bring the settings of other sections; what a section gives itself goes before them, and of several the first', () => {
    const yaml = `
limits:
  default: &default
    rate: 7
    burst: 14
  messages: &messages
    <<: *default
    rate: 8
  contacts:
    burst: 99
    <<: [*messages, *default]
  media: {<<: {holdMaxMs: 500}}`;
    const { limits } = config(load(yaml));
    expect(limits.messages).toMatchObject({ rate: 8, burst: 14 });
    expect(limits.contacts).toMatchObject({ rate: 8, burst: 99 });
    expect(limits.media?.holdMaxMs).toBe(500);
  });

  it('a bad value is told where it was written; what is no section, and a name in quotes, where they stand', () => {
    const section = 'limits:\n  messages: &m\n    rate: -5\n';
    expect(problems(load(`${section}  contacts:\n    <<: *m\n`))).toEqual([
      expect.stringMatching(/^w\.yaml:3:11: limits\.messages\.rate: -5 /),
      expect.stringMatching(/^w\.yaml:3:11: limits\.contacts\.rate: -5 /),
    ]);
    expect(problems(load('limits: {messages: {<<: 5}}'))).toEqual([
      'w.yaml:1:21: a << without settings was found; give it the *anchor of a section, or a list of such: <<: [*one, *other]',
    ]);
    expect(problems(load('limits: {messages: {"<<": {}}}'))).toEqual([
      expect.stringMatching(/^w\.yaml:1:21: a name that is not a word is not a setting/),
    ]);
  });

  it('one that brings itself ends', () => {
    expect(problems(load('log: &log\n  <<: *log'))).toEqual([
      'w.yaml: more than a configuration was found; give each setting once, without aliases',
    ]);
  });
});
