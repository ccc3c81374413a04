/** Redis as users run it: whatever the URL leads to, everything that Weir keeps there works, for the least of users and over TLS. */
import { afterAll, describe, expect, test } from 'vitest';
import { users } from '../../src/commands/users.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { createAuthority } from '../support/certificates.ts';
import { readFrom } from '../support/config.ts';
import { Folder } from '../support/files.ts';
import { deployCluster, deploySentinel, deployServer, type RedisDeployment } from '../support/redis-deployments.ts';
import { until } from '../support/until.ts';

const folder = new Folder();
afterAll(() => folder[Symbol.dispose]());

const authority = createAuthority('Redis’s authority');
const own = authority.issue('redis', ['localhost', '127.0.0.1']);
const tls = {
  ca: folder.write('ca.crt', authority.cert),
  cert: folder.write('redis.crt', own.cert),
  key: folder.write('redis.key', own.key),
};

const deployments: readonly [string, () => Promise<RedisDeployment>][] = [
  ['one server, a user of its own, database 3', () => deployServer([], { user: true })],
  ['Sentinel, users of its own for both', () => deploySentinel({ user: true })],
  ['a cluster, a user of its own', () => deployCluster({ replicas: false, user: true })],
  ['one server over TLS', () => deployServer([], { tls })],
  ['Sentinel over TLS', () => deploySentinel({ tls, user: true })],
  ['a cluster over TLS', () => deployCluster({ replicas: false, tls })],
];

const message = JSON.stringify({ to: '16315551000', type: 'text', text: { body: 'hello' } });

/** Whether the replica takes the other's token. */
async function passes(app: TestApp, { token }: TestApp): Promise<boolean> {
  const { status } = await app.ask('GET /v1/users/admin', `Host: weir\r\nAuthorization: Bearer ${token}\r\n`);
  return status === 200;
}

describe.concurrent('Two replicas and the commands work with', () => {
  test.each(deployments)('%s', async (_, deploy) => {
    await using deployment = await deploy();
    await using simulator = await startSimulator();
    const { url } = deployment;
    // No machine is so busy that Redis would seem away.
    const redis = { callTimeoutMs: 10_000, ...(url.startsWith('rediss') ? { caFile: tls.ca } : {}) };
    const yaml = JSON.stringify({ auth: { tokenMemoryMs: 60_000 }, redis });
    const files = { [tls.ca]: authority.cert };
    await using one = await startTestApp(simulator.url, yaml, { REDIS_URL: url }, files);
    await using other = await startTestApp(simulator.url, yaml, { REDIS_URL: url }, files);

    expect((await one.send('POST /v1/messages', 'Content-Type: application/json\r\n', message)).status).toBe(201);
    expect(await passes(other, one)).toBe(true);
    expect((await one.send('POST /v1/users/logout')).status).toBe(200);
    // By the message: the replica caches a token for a minute.
    await until(async () => !(await passes(other, one)), { what: 'the logout to be heard' });

    const listed = await typed({ REDIS_URL: url, WEIR_CONFIG: 'w.yaml' }, { ...files, 'w.yaml': yaml });
    expect(listed).toEqual(['admin\tROLE_ADMIN']);

    const told = () => [...one.events, ...other.events].filter(({ level }) => level === 'warn' || level === 'error');
    await until(() => told().length > 0, { what: 'what Redis keeps to be told' });
    expect(told().filter(({ message: text }) => !/keeps nothing on disk/.test(text))).toEqual([]);
  });
});

/** What `weir users list` prints, be it an error. */
async function typed(
  env: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
): Promise<string[]> {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const terminal = { interactive: false, askHidden: async () => null, readAll: async () => '' };
  await users(['list'], env, { out: say, err: say, readFile: readFrom(files), terminal });
  return said;
}
