/** The chart's own Deployment, run for real: Weir's image, the ConfigMap, the files of the Secrets, the security context. */
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { freePort } from '../support/ports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { byStatus, login, offerMessages, type RunningSimulator, startSimulatorProcess } from '../support/weir.ts';
import { exampleIn } from './support/chart/example.ts';
import { one } from './support/chart/manifests.ts';
import { Pod, playTest } from './support/chart/pod.ts';
import { installTools, toolsMissing } from './support/chart/tools.ts';
import { buildImage } from './support/image.ts';

const missing = inject('lacking').containers ?? toolsMissing;

describe.skipIf(missing !== null)('The chart’s Deployment', () => {
  let redis: TestRedis;
  let simulator: RunningSimulator;

  beforeAll(async () => {
    await installTools();
    await buildImage();
    redis = await startRedis();
    simulator = await startSimulatorProcess();
  });
  afterAll(async () => {
    await simulator?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  const auth = { 'admin-password': 'Weir-2026!', 'api-key': 'monitoring-key' };
  const play = (
    values: readonly string[] = [],
    secrets: Partial<{ auth: Record<string, string> }> = {},
  ): Promise<Pod> =>
    Pod.play({
      values: [`coreapp.url=${simulator.url}`, 'config.stop.lameDuckMs=500', ...values],
      secrets: { redis: { 'redis-url': redis.url }, auth, ...secrets },
    });

  it('serves: its secrets open Redis, the admin’s login and monitoring, its probes are answered, `helm test` is content', async () => {
    await using pod = await play();
    await pod.serving();
    const token = await login(pod.url);
    const answers = await offerMessages({ urls: [pod.url], token, ratePerS: 50, count: 20 });
    expect(byStatus(answers)).toEqual({ 201: 20 });
    const health = await fetch(`${pod.url}/v1/health`, { headers: { authorization: 'Apikey monitoring-key' } });
    expect(health.status).toBe(200);
    const [container] = one(pod.manifests, 'Deployment').spec.template.spec.containers;
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const { path, port } = container[probe].httpGet;
      expect([probe, port, (await fetch(`${pod.opsUrl}${path}`)).status]).toEqual([probe, 'weir-ops', 200]);
    }
    const status = (await (await fetch(`${pod.opsUrl}/status`)).json()) as { store: unknown };
    expect(JSON.stringify(status.store)).toContain('redis');
    expect(await playTest(pod)).toMatchObject({ code: 0, stdout: 'ready: ok\nmetrics: ok\na stranger is refused: ok' });
  });

  it('logs in to a Redis as a chart of Redis gives it: host and password apart', async () => {
    await using guarded = await startRedis(['--requirepass', 'p@ss:w/rd']);
    const name = `redis-${guarded.port}`;
    await using pod = await Pod.play({
      values: [
        ...[`coreapp.url=${simulator.url}`, 'redis.existingSecret=', 'redis.host=127.0.0.1'],
        ...[`redis.port=${guarded.port}`, `redis.passwordSecret=${name}`],
      ],
      secrets: { auth },
      further: { [name]: { 'redis-password': 'p@ss:w/rd' } },
    });
    await pod.serving();
    expect(await login(pod.url)).not.toBe('');
    const status = await (await fetch(`${pod.opsUrl}/status`)).text();
    expect(status).toContain('redis');
  });

  it('may do nothing but serve: another user, no capabilities, no privileges, one folder to write to', async () => {
    await using pod = await play();
    await pod.serving();
    const status = (await pod.found(`fs.readFileSync('/proc/1/status', 'utf8')`)) as string;
    const line = (name: string): string | undefined => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
    expect([line('Uid'), line('CapEff'), line('CapBnd'), line('NoNewPrivs'), line('Seccomp')]).toEqual([
      '10001\t10001\t10001\t10001',
      '0000000000000000',
      '0000000000000000',
      '1',
      '2',
    ]);
    const writes = (path: string): string =>
      `(() => { try { fs.writeFileSync('${path}', 'x'); return 'written'; } catch ({ code }) { return code; } })()`;
    expect(await pod.found(writes('/tmp/x'))).toBe('written');
    for (const path of ['/weir/x', '/x', '/etc/weir/config/weir.yaml', '/etc/weir/secrets/auth/api-key']) {
      expect(await pod.found(writes(path))).toMatch(/EROFS|EACCES/);
    }
  });

  it('stops within the time that it is given: what waits is served, and it ends with 0', async () => {
    await using pod = await play(['config.limits.messages.rate=2', 'config.limits.messages.burst=1']);
    await pod.serving();
    const offered = offerMessages({ urls: [pod.url], token: await login(pod.url), ratePerS: 1_000, count: 9 });
    await until(
      async () =>
        /weir_line_requests\{class="messages"\} [1-9]/.test(await (await fetch(`${pod.opsUrl}/metrics`)).text()),
      {
        what: 'requests to wait in line',
      },
    );
    expect(await pod.stop()).toBe(0);
    expect(byStatus(await offered)).toEqual({ 201: 9 });
  });

  it('says which key a Secret lacks, each time that it is started', async () => {
    const { 'admin-password': password } = auth;
    await using pod = await play([], { auth: { 'admin-password': password } });
    const logs = await until(async () => (await pod.logs()).length > 1 && (await pod.logs()), {
      what: 'the Pod to have been started twice',
    });
    expect([...new Set(logs)]).toEqual([
      'WA_API_KEY_FILE: "/etc/weir/secrets/auth/api-key" cannot be read (no such file); give the path of a readable file',
    ]);
  });

  it('in the sidecar form stands in the example’s Pod, where the Coreapp is on loopback', async () => {
    const folder = temporaryFolder(onTestFinished);
    const coreappPort = await freePort();
    await using pod = await Pod.play({
      values: [`coreapp.url=http://127.0.0.1:${coreappPort}`],
      secrets: { redis: { 'redis-url': redis.url }, auth },
      example: { path: await exampleIn(folder, 'helm 3'), coreappPort },
    });
    await pod.serving();
    const answers = await offerMessages({ urls: [pod.url], token: await login(pod.url), ratePerS: 50, count: 20 });
    expect(byStatus(answers)).toEqual({ 201: 20 });
    const seen = await fetch(`http://127.0.0.1:${coreappPort}/_simulator/seen`);
    expect(await seen.json()).toMatchObject({ classes: { messages: { acted: 20 } } });
    expect(await pod.found('[process.getuid(), process.env.WEIR_CONFIG]')).toEqual([
      10001,
      '/etc/weir/config/weir.yaml',
    ]);
  });
});
