/** Another password, other authorities and other times for a Redis that stays where it is, however it is deployed. */
import { afterAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { Folder } from '../support/files.ts';
import { startRedis } from '../support/redis.ts';
import {
  asked,
  deployCluster,
  deploySentinel,
  deployServer,
  login,
  type RedisDeployment,
} from '../support/redis-deployments.ts';
import { type ReloadableApp, startReloadable } from '../support/reloadable.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

const folder = new Folder();
afterAll(() => folder[Symbol.dispose]());

const upstream = await upstreamForAll();
const [first, second] = ['First', 'Second'].map((name) => {
  const authority = createAuthority(`${name} authority`);
  const { cert, key } = authority.issue('redis', ['localhost', '127.0.0.1']);
  const files = { cert: folder.write(`${name}.crt`, cert), key: folder.write(`${name}.key`, key) };
  return { authority: authority.cert, ...files };
}) as [Issued, Issued];
interface Issued {
  readonly authority: string;
  readonly cert: string;
  readonly key: string;
}
const both = first.authority + second.authority;
const tls = { ca: folder.write('both.crt', both), cert: first.cert, key: first.key };
const guarded = { user: true, tls };

const deployments: readonly [string, () => Promise<RedisDeployment>][] = [
  ['one server', () => deployServer([], guarded)],
  ['the primary of Sentinels', () => deploySentinel(guarded)],
  ['a cluster', () => deployCluster({ replicas: false, ...guarded })],
];

const told = (app: ReloadableApp, message: RegExp): number =>
  app.events.filter(({ message: text }) => message.test(text)).length;

/** What connections of Weir are for, those to a Sentinel among them. */
async function purposes({ servers, sentinel }: RedisDeployment): Promise<Set<string>> {
  const peers = sentinel === null ? servers : [...servers, sentinel];
  const lists = await Promise.all(peers.map((peer) => asked(peer, 'CLIENT', 'LIST')));
  return new Set(lists.flatMap((list) => [...list.matchAll(/ name=weir-(\w+) /g)].map(([, name]) => name as string)));
}

describe.concurrent('While Weir runs,', () => {
  it.each(deployments)('%s may want another password, and be vouched for by another authority', async (_, deploy) => {
    await using redis = await deploy();
    const all = (...command: [string, ...string[]]) =>
      Promise.all(redis.servers.map((server) => asked(server, ...command)));
    const yaml = 'redis: {urlFile: FOLDER/redis, caFile: FOLDER/ca.crt, callTimeoutMs: 10000}\n';
    const files = { redis: redis.url, 'ca.crt': first.authority };
    await using app = await startReloadable(upstream.url, yaml, files);
    const each = (...command: [string, ...string[]]) =>
      Promise.all([all(...command), redis.sentinel === null ? null : asked(redis.sentinel, ...command)]);
    const count = redis.sentinel === null ? 3 : 4;
    const connected = () =>
      until(async () => (await purposes(redis)).size === count, { what: 'all connections to stand' });
    await connected();

    await each('ACL', 'SETUSER', 'weir', '>another');
    const password = decodeURIComponent(login.slice('weir:'.length, -1));
    const another = redis.url.replace(login, 'weir:another@').replace(encodeURIComponent(password), 'another');
    app.write('redis', another);
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed: ['redis.url'], restartNeeded: [] });
    await each('ACL', 'SETUSER', 'weir', `<${password}`);
    await each('CLIENT', 'KILL', 'USER', 'weir');
    await connected();
    // Redis knows of a connection before its client takes commands.
    const serves = (user: string) => async () => (await app.user(user).catch(() => '')) !== '';
    await until(serves('anna'), { what: 'Redis to serve with another password' });
    expect(told(app, /refuses/)).toBe(0);

    await all('CONFIG', 'SET', 'tls-cert-file', second.cert, 'tls-key-file', second.key);
    await all('CLIENT', 'KILL', 'USER', 'weir');
    // Where Sentinels say which one it is, ioredis tells of them alone.
    const refused = (): boolean =>
      redis.kind === 'sentinel'
        ? !app.services.snapshot().store.up
        : JSON.stringify(app.events).includes('"certificate"');
    await until(refused, { what: 'the certificate to be refused' });
    app.write('ca.crt', both);
    const changed = ['redis.caFile', 'redis.certFile', 'redis.keyFile'];
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed, restartNeeded: [] });
    await connected();
    await until(serves('otto'), { what: 'Redis to serve again' });
  });

  it('Redis may be given less time to answer', async () => {
    await using redis = await startRedis();
    const yaml = (callTimeoutMs: number) =>
      `redis: {url: "${redis.url}", callTimeoutMs: ${callTimeoutMs}}\nauth: {tokenMemoryMs: 60000}\n`;
    await using app = await startReloadable(upstream.url, yaml(10_000));
    expect((await app.send('GET /v1/contacts')).status).toBe(200);
    expect(await app.change(yaml(20))).toMatchObject({ changed: ['redis.callTimeoutMs'], restartNeeded: [] });
    await asked(redis, 'CLIENT', 'PAUSE', 600_000, 'ALL');
    // The slots that came with the first one may be at hand.
    const isAlone = async () =>
      (await app.send('GET /v1/contacts')).status === 200 && app.services.snapshot().store.fallback;
    await until(isAlone, { what: 'the replica to go on alone' });
    expect(JSON.stringify(app.events)).toContain('no answer within 20 ms');
  });

  it('there may be more replicas that share its limits while it is away', async () => {
    const yaml = (replicasAtLeast: number, holdMaxMs: number) =>
      `redis: {url: "redis://127.0.0.1:1", replicasAtLeast: ${replicasAtLeast}}\n` +
      `profile: none\nauth: {open: true}\nlimits: {default: {rate: 0.001, burst: 8, holdMaxMs: ${holdMaxMs}}}\n`;
    await using app = await startReloadable(upstream.url, yaml(1, 600_000), {}, { UPSTREAM_URL: upstream.url });
    const status = async () => (await app.send('GET /x')).status;
    expect(await status()).toBe(200);
    expect(await app.change(yaml(4, 1_000))).toMatchObject({
      changed: ['redis.replicasAtLeast', 'limits.default.holdMaxMs'],
      restartNeeded: [],
    });
    const statuses = [await status(), await status(), await status()];
    expect(statuses.filter((one) => one === 200).length).toBeLessThan(3);
  });
});
