/** What `--help`, `-h` and `weir help` say of each command. */
import { describe, expect, it } from 'vitest';
import { helpFor, overview } from '../../src/commands/help.ts';
import { helpAsked } from '../../src/commands/options.ts';

const commands = ['serve', 'check', 'users add', 'users list', 'users passwd', 'users delete', 'tokens list'];
commands.push('tokens revoke');

describe('help', () => {
  it.each([
    ['--help', []],
    ['-h', []],
    ['help', []],
    ['help help', []],
    ['serve --help', ['serve']],
    ['help users add', ['users', 'add']],
    ['users add anna --config w.yaml -h', ['users', 'add', 'anna', 'w.yaml']],
    ['serve', null],
    ['users delete -- -h', null],
    ['users add help', null],
  ])('%j asks for %j', (line, words) => {
    expect(helpAsked(line.split(' '))).toEqual(words);
  });

  it('for all names each command and how to ask on', () => {
    for (const name of [...commands, 'simulate'])
      expect(overview()).toMatch(new RegExp(`^  ${name} +[A-Z].*\\.$`, 'm'));
    expect(overview().match(/^ {2}.*[^.\n]$/gm)).toBeNull();
    expect(overview()).toContain('weir help COMMAND');
  });

  it.each(commands)('for %s says how it is used, what it does and what each option is', (name) => {
    const [usage, , about, ...rest] = (helpFor([...name.split(' '), 'anna']) as string).split('\n');
    expect(usage).toMatch(`Usage: weir ${name} `);
    expect(about).toMatch(/^[A-Z].*\.$/);
    for (const [option] of (usage as string).matchAll(/--[\w-]+ [A-Z]+/g))
      expect(rest).toContainEqual(expect.stringMatching(`^  ${option} +\\w.*`));
  });

  it('for serve has the environment variables', () => {
    expect(helpFor(['serve'])).toMatch(/^ {2}COREAPP_URL +Where the Coreapp is$/m);
  });

  it.each(['users', 'tokens'])('for %s has its commands', (group) => {
    const usages = commands.filter((name) => name.startsWith(group)).map((name) => `Usage: weir ${name} `);
    for (const words of [[group], [group, 'frob']]) for (const usage of usages) expect(helpFor(words)).toContain(usage);
  });

  it('is not there for what is no command', () => {
    expect(helpFor(['sevre'])).toBeNull();
  });
});
