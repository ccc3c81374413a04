/** `weir check`: would Weir start with this? */
import { describe, expect, it } from 'vitest';
import { check } from '../../src/commands/check.ts';
import { runCommand } from '../support/command.ts';
import type { Env, Files } from '../support/config.ts';

describe('weir check', () => {
  async function run(args: readonly string[], env: Env = {}, files: Files = {}) {
    const { code, ...said } = runCommand(check, args, env, files);
    return { code: await code, ...said };
  }

  it('says that the file is valid and what differs from the defaults', async () => {
    const yaml = 'coreapp: {url: "http://core"}\nredis: {url: "redis://h"}\nlimits: {messages: {rate: 80, burst: 150}}';
    expect(await run(['--config', 'w.yaml'], { PORT: '81' }, { 'w.yaml': yaml })).toEqual({
      code: 0,
      out: [
        'w.yaml: valid',
        '  listen.port = 81 (PORT)',
        '  coreapp.url = http://core (w.yaml:1:16)',
        '  redis.url = set (not shown) (w.yaml:2:14)',
        '  limits.messages.rate = 80 (w.yaml:3:27)',
      ],
      err: [],
    });
  });

  it('names every problem on stderr and exits 1', async () => {
    const { code, out, err } = await run(['--config=w.yaml'], { PORT: 'x' }, { 'w.yaml': 'log: {level: x}' });
    expect([code, out, err.length]).toEqual([1, [], 2]);
  });

  const usage = 'give weir check [--config FILE] [--profile NAME]';
  const absent = '"nowhere" cannot be read (no such file); give the path of a readable YAML file';
  it.each([
    [['--confg', 'x'], 'weir check: unknown option "--confg"; did you mean --config FILE?'],
    [['--fast'], `weir check: unknown option "--fast"; ${usage}`],
    [['w.yaml'], `weir check: unknown argument "w.yaml"; ${usage}`],
    [['--config'], `weir check: --config has no value; ${usage}`],
    [['--config='], `weir check: --config has no value; ${usage}`],
    [['--config', 'a', '--config', 'b'], `weir check: --config is given twice; ${usage}`],
    [['--config', 'nowhere'], `--config: ${absent}`],
  ])('%j', async (args, line) => {
    expect(await run(args)).toEqual({ code: 1, out: [], err: [line] });
  });
});
