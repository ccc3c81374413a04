/** What an operator types while Weir runs: the users and tokens of the running replicas. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, type Told } from '../support/ask.ts';
import { basic } from '../support/basic.ts';
import { temporaryFolder } from '../support/files.ts';
import { type Exit, startProcess } from '../support/processes.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { type RunningWeir, startWeir } from '../support/weir.ts';

const password = 'Correct-Horse-1';

const folder = temporaryFolder(afterAll);
const redis = await redisForAll();
let running: RunningWeir;
beforeAll(async () => {
  await writeFile(join(folder, 'password'), `${password}\n`);
  // Cached for so long that only a message explains an end.
  await writeFile(join(folder, 'weir.yaml'), JSON.stringify({ auth: { tokenMemoryMs: 60_000 } }));
  running = await startWeir({ WEIR_CONFIG: join(folder, 'weir.yaml'), REDIS_URL: redis.url });
});
afterAll(() => running?.[Symbol.asyncDispose]());

async function weir(...args: string[]): Promise<{ exit: Exit; stdout: string[]; stderr: string[] }> {
  const process = startProcess(args, { env: { REDIS_URL: redis.url } });
  const exit = await process.exited;
  return { exit, stdout: process.stdout, stderr: process.stderr };
}

const request = (method: string, path: string, authorization: string): Promise<Told> =>
  ask(method, running.url + path, { fields: { authorization } });

async function login(): Promise<string> {
  const { status, json } = await request('POST', '/v1/users/login', basic('operated', password));
  expect(status).toBe(200);
  return `Bearer ${json.users[0].token}`;
}

const ends = (token: string): Promise<unknown> =>
  until(async () => (await request('GET', '/v1/metrics', token)).status === 401, {
    what: 'the token to be refused',
  });

it('a user is added, its tokens are revoked, its password is changed, and it is deleted: Weir knows at once', async () => {
  const file = join(folder, 'password');
  expect(await weir('users', 'add', 'operated', '--password-file', file)).toMatchObject({
    exit: { code: 0 },
    stdout: ['operated: added'],
  });
  expect((await weir('users', 'list')).stdout).toEqual(['admin\tROLE_ADMIN', 'operated\tROLE_USER']);

  const commands = [
    ['tokens', 'revoke', '--user', 'operated'],
    ['users', 'passwd', 'operated', '--password-file', file],
    ['users', 'delete', 'operated'],
  ];
  for (const command of commands) {
    const token = await login();
    expect((await request('GET', '/v1/metrics', token)).status).toBe(200);
    expect((await weir(...command)).exit.code).toBe(0);
    await ends(token);
  }
  expect((await weir('users', 'list')).stdout).toEqual(['admin\tROLE_ADMIN']);
});

it('without a terminal nobody is asked, and what is wrong ends with exit code 1', async () => {
  expect(await weir('users', 'add', 'somebody')).toEqual({
    exit: { code: 1, signal: null },
    stdout: [],
    stderr: [expect.stringMatching(/^weir users add: there is no terminal/)],
  });
});

it('the help names every command', async () => {
  const { stdout } = await weir('--help');
  for (const command of ['users add', 'users list', 'users passwd', 'users delete', 'tokens revoke']) {
    expect(stdout.some((line) => line.startsWith(`  ${command} `))).toBe(true);
  }
});
