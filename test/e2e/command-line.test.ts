/** Bad input, as a new user gives it: one clear line that names it, exit code 1, and nothing half started. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { freePort, listening } from '../support/ports.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { login, startWeir } from '../support/weir.ts';

const root = new URL('../..', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };

/** No other test's: there, nobody takes a port that has been found free. */
const host = '127.77.0.2';
const taken = createServer();
let takenPort: number;

beforeAll(async () => {
  takenPort = await listening(taken, 0, host);
});
afterAll(() => void taken.close());

interface Said {
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  await using child = startProcess(args, { env });
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

const base = { HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0', COREAPP_URL: 'http://127.0.0.1:9' };

describe('weir', () => {
  it.each([
    ['an unknown command', ['sevre'], {}, /^weir: unknown command "sevre"; give serve, .*--help or --version$/],
    [
      'an unknown option',
      ['serve', '--prot', '80'],
      {},
      /^weir serve: unknown option "--prot"; give weir serve \[--config FILE\] \[--profile NAME\]$/,
    ],
    ['a file that isn’t there', ['serve', '--config', 'nowhere.yaml'], {}, /nowhere\.yaml/],
    ['a port that is none', ['serve'], { PORT: '80a' }, /^PORT.*80a/],
    [
      'a password that is too simple',
      ['serve'],
      { WEIR_ADMIN_PASSWORD: 'simple' },
      /^WEIR_ADMIN_PASSWORD.*8 to 64 characters/,
    ],
    ['the same of the simulator', ['simulate', '--prot', '80'], {}, /--prot/],
  ])('%s: one line, exit code 1', async (_, args, env, line) => {
    const said = await run(args, { ...base, ...env });
    expect(said.stderr).toEqual([expect.stringMatching(line)]);
    expect(said).toMatchObject({ code: 1, stdout: [] });
  });

  it.each([
    [
      'a negative rate',
      'limits:\n  messages:\n    rate: -5\n',
      /^.*weir\.yaml:3:11: limits\.messages\.rate.*-5.*0\.001/,
    ],
    ['a misspelt setting', 'limits:\n  mesages:\n    rate: 5\n', /^.*weir\.yaml:2:3: .*mesages.*messages/],
    ['YAML that is none', 'limits: {messages: {rate: 5}\nlog:\n', /^.*weir\.yaml:\d+:\d+: /],
  ])('%s in the file: one line with its place, exit code 1, for serve and for check', async (_, text, line) => {
    await using file = await testFile('weir.yaml', text);
    for (const command of ['serve', 'check']) {
      const said = await run([command, '--config', file.path], base);
      expect(said.stderr).toEqual([expect.stringMatching(line)]);
      expect(said).toMatchObject({ code: 1, stdout: [] });
    }
  });

  it.each([
    ['listen.port', 'PORT', 'OPS_PORT'],
    ['ops.port', 'OPS_PORT', 'PORT'],
  ])('%s that is taken: one line, exit code 1, and the other port is free again', async (setting, variable, other) => {
    await using file = await testFile('weir.yaml', `ops: {host: ${host}}\n`);
    const free = await freePort(host);
    const ports = { [variable]: String(takenPort), [other]: String(free) };
    const said = await run(['serve'], { ...base, HOST: host, WEIR_CONFIG: file.path, ...ports });
    expect(said.stderr).toEqual([expect.stringContaining(setting)]);
    expect(said.stderr[0]).toContain(String(takenPort));
    expect(said.stderr[0]).toMatch(/taken|in use/);
    expect(said).toMatchObject({ code: 1 });
    await expect(ask('GET', `http://${host}:${free}/livez`)).rejects.toThrow('ECONNREFUSED');
  });

  it.each(['--help', 'help'])('%s: what there is, exit code 0', async (word) => {
    const said = await run([word]);
    expect(said).toMatchObject({ code: 0, stderr: [] });
    for (const name of ['serve', 'check', 'simulate', '--config', '--version'])
      expect(said.stdout.join('\n')).toContain(name);
  });

  it.each([
    ['users add anna -h', /^Usage: weir users add NAME /],
    ['help simulate', /^Usage: weir simulate /],
    ['simulate --profile cloud --help', /--number-rate/],
    ['simulate -h', /^Usage: weir simulate /],
  ])('%s: what it takes, exit code 0', async (words, line) => {
    const said = await run(words.split(' '));
    expect(said).toMatchObject({ code: 0, stderr: [] });
    expect(said.stdout).toContainEqual(expect.stringMatching(line));
  });

  it('help for a command that there is not: one line, exit code 1', async () => {
    expect(await run(['help', 'sevre'])).toEqual({ code: 1, stdout: [], stderr: [expect.stringContaining('"sevre"')] });
  });

  it('without a command: the same on stderr, exit code 1', async () => {
    const said = await run([]);
    expect(said).toMatchObject({ code: 1, stdout: [] });
    expect(said.stderr.join('\n')).toContain('Usage:');
  });

  it.each(['--version', '-v'])('%s: the package’s own, exit code 0', async (option) => {
    expect(await run([option])).toEqual({ code: 0, stdout: [manifest.version], stderr: [] });
  });
});

describe('weir serve', () => {
  it('warns of a variable that is misspelt; so does weir check', async () => {
    const env = { COREAP_URL: 'http://127.0.0.1:9' };
    const told = "the variable COREAP_URL is not one of Weir's; did you mean COREAPP_URL?";
    await using weir = await startWeir(env);
    const warning = await weir.process.waitForLine(/COREAP_URL/);
    expect(JSON.parse(warning)).toMatchObject({ level: 'warn', msg: told });
    expect((await run(['check'], env)).stdout).toContain(`note: ${told}`);
  });

  it.each([['explain', 'GET /v1/messages'], ['users', 'list'], ['status']])('so does weir %s', async (...command) => {
    const env = { REDIS_URI: 'redis://127.0.0.1:1' };
    const told = "note: the variable REDIS_URI is not one of Weir's; did you mean REDIS_URL?";
    expect((await run(command, env)).stderr[0]).toBe(told);
  });

  it('starts without its Coreapp: a request is a 502 after its hold time, and one line of the log names coreapp.url', async () => {
    const away = `http://${host}:${await freePort(host)}`;
    await using file = await testFile('weir.yaml', 'limits: {default: {holdMaxMs: 300}, messages: {holdMaxMs: 300}}\n');
    await using weir = await startWeir({ COREAPP_URL: away, WEIR_CONFIG: file.path });
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    for (const path of ['/v1/messages', '/v1/contacts']) {
      // On a busy machine the hold time may be over before the first attempt is.
      const told = await until(
        async () => {
          const answer = await ask('POST', `${weir.url}${path}`, { fields, body: '{}' });
          return answer.status === 502 ? answer : null;
        },
        { what: 'a 502' },
      );
      expect(told.json.errors).toEqual([
        { code: 1014, title: 'Internal error', details: 'The Coreapp could not be reached.' },
      ]);
    }
    await until(() => weir.process.stdout.filter((line) => line.includes('"msg":"request"')).length >= 3, {
      what: 'the log',
    });
    const warnings = weir.process.stdout.filter((line) => line.includes('cannot be reached'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] as string)).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('coreapp.url'),
      url: away,
      detail: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
