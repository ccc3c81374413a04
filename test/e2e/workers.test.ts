/** Several processes as one replica: what callers and operators see of it. Counted, never timed. */
import { rename, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { excessSince, tolerance } from '../support/fleet.ts';
import { startProcess } from '../support/processes.ts';
import { type CountedClass, pathOf, RunningFleet } from '../support/running-fleet.ts';
import { until } from '../support/until.ts';
import { adminPassword } from '../support/weir.ts';
import { isGone, RunningWorkers, type WorkerStatus } from '../support/workers.ts';

const noReusePort = { NODE_OPTIONS: `--import ${new URL('../support/no-reuse-port.ts', import.meta.url)}` };
/** No limit that matters, permits for all that a test has in flight, and time for Redis to answer on a busy machine. */
const wide = `ops: {figuresMaxAgeMs: 0}
redis: {callTimeoutMs: 10000}
limits: {default: {rate: 100000, burst: 100000}}
coreapp: {permitsMin: 200, permitsMax: 400}
`;

/** Whole, as an editor does it: a file that is half written would be read, too. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

describe('Workers', () => {
  const messages: CountedClass = { name: 'messages', quota: { rate: 50, burst: 60 } };

  it('keep a limit together, each with a part of the callers', async () => {
    await using fleet = await RunningFleet.counting([messages]);
    await fleet.grow(1, [{ WEIR_WORKERS: '4' }]);
    const { quota } = messages;
    const { atMs: since } = (await fleet.simulator.seen()).jobs;
    const { answered } = await fleet.ask({
      path: pathOf(messages),
      atOnce: quota.burst + quota.rate,
      ratePerS: 0,
      ms: null,
    });
    expect(answered.flatMap((statuses) => Object.keys(statuses)).filter((status) => status !== '201')).toEqual([]);
    const arrivals = await fleet.arrivals(messages);
    expect(arrivals).toHaveLength(quota.burst + quota.rate);
    expect(excessSince(quota, since, arrivals)).toBeLessThanOrEqual(tolerance(quota));
    expect(await fleet.simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
  });

  it('divide it among themselves while Redis is away', async () => {
    const burst = 10;
    const limit = `limits: {settings: {rate: 0.001, burst: ${burst}, holdMaxMs: 600000}, `;
    const yaml = `${wide.replace('limits: {', limit)}stop: {graceMs: 1000}\n`;
    await using config = await testFile('weir.yaml', yaml);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    // Each of them knows the token from here on.
    await Promise.all(Array.from({ length: 40 }, () => replica.get()));
    expect((await replica.servedByLog(40)).size).toBe(2);
    await replica.redis.stop();
    const asked = Array.from({ length: 60 }, () => replica.get('/v1/settings/application'));
    const ended = replica.ended(asked);
    const lines = () =>
      replica.weir.process.stdout.map((line) => JSON.parse(line)).filter((line) => line.class === 'settings');
    const waiting = async (): Promise<number> =>
      (await replica.status()).lines.find((line: { class: string }) => line.class === 'settings').requests;
    await until(async () => lines().length > 0 && lines().length + (await waiting()) === asked.length, {
      what: 'each request to be answered or to wait',
    });
    await replica.weir.process.stop(60_000, 'SIGINT');
    expect(new Set(await ended)).toEqual(new Set([200, 503]));
    expect(lines()).toHaveLength(asked.length);
    const served = Map.groupBy(
      lines().filter(({ status }) => status === 200),
      ({ worker }) => worker as number,
    );
    expect(served.size).toBe(2);
    // On a slow machine a slot may close before it is used.
    for (const ofOne of served.values()) expect(ofOne.length).toBeLessThanOrEqual(burst / 2);
  });

  it('are one replica to an operator: one status, sums of metrics, one log of whole lines', async () => {
    await using config = await testFile('weir.yaml', wide);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    const told = await Promise.all(Array.from({ length: 60 }, () => replica.get()));
    expect(new Set(told.map(({ status }) => status))).toEqual(new Set([200]));
    const served = await replica.servedByLog(60);
    expect(new Set(served.keys())).toEqual(new Set([1, 2]));
    await replica.countsTo(60, 'weir_requests_total', 'class="contacts"');
    await replica.countsTo(60, 'weir_request_duration_seconds_count', 'class="contacts"');
    expect(await replica.counter('weir_workers_serving')).toBe(2);
    expect(await replica.status()).toMatchObject({
      ready: true,
      store: { kind: 'redis', up: true },
      workers: {
        count: 2,
        each: [
          { worker: 1, state: 'serving' },
          { worker: 2, state: 'serving' },
        ],
      },
    });
    // Callers ask one worker for what all have counted.
    const fields = { authorization: `Bearer ${replica.token}` };
    const figures = () => ask('GET', `${replica.weir.url}/v1/metrics?format=prometheus`, { fields });
    const counted = 'weir_requests_total{class="contacts",method="GET",status="200"} 60';
    await until(async () => (await figures()).text.includes(counted), { what: 'the figures of both' });
    const audits = replica.weir.process.stdout.filter((line) => line.includes('"action":"user.add"'));
    expect(audits).toHaveLength(1);
  });

  it('that are killed lose only their own requests in flight, are started again, and what they had counted stays', async () => {
    await using config = await testFile('weir.yaml', wide);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    await Promise.all(Array.from({ length: 20 }, () => replica.get()));
    const requests = await replica.inFlight(40);
    // Both have told by then what they have counted, and how many requests are open in each.
    await replica.countsTo(20, 'weir_requests_total', 'class="contacts"');
    await replica.countsTo(40, 'weir_permits_in_use', 'class="contacts"');
    const [victim] = await replica.workers();
    process.kill(victim?.pid as number, 'SIGKILL');
    const again = await until(
      async () =>
        (await replica.workers()).find(
          ({ worker, state, restarts }) => worker === 1 && state === 'serving' && restarts === 1,
        ),
      { what: 'another worker in its place' },
    );
    expect(again.pid).not.toBe(victim?.pid);
    replica.answerAll();
    const lost = (await replica.ended(requests)).filter((end) => end !== 200).length;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(40);
    expect(await replica.counter('weir_worker_restarts_total')).toBe(1);
    expect(await replica.counter('weir_worker_requests_lost_total')).toBe(lost);
    await replica.countsTo(20 + 40 - lost, 'weir_requests_total', 'class="contacts"');
    expect((await replica.get()).status).toBe(200);
    expect(replica.weir.process.stdout.filter((line) => line.includes('"action":"user.add"'))).toHaveLength(1);
  });

  it('take a changed configuration all together, also one that is started afterwards, or none does', async () => {
    await using config = await testFile('weir.yaml', wide);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    const closing = async (): Promise<number> => {
      const told = await Promise.all(
        Array.from({ length: 40 }, () =>
          ask('GET', `${replica.weir.url}/v1/contacts`, {
            fields: { authorization: `Bearer ${replica.token}`, connection: 'keep-alive' },
          }),
        ),
      );
      return told.filter(({ fields }) => fields.connection === 'close').length;
    };
    const change = (yaml: string) => replace(config.path, yaml);
    expect(await closing()).toBe(0);
    const next = `${wide}http: {connectionMaxRequests: 1}\nworkers: 3\n`;
    await change(next);
    await replica.weir.process.waitForLine(/"msg":"a changed configuration is in force"/);
    expect(await closing()).toBe(40);
    // WEIR_WORKERS goes before the file.
    expect(await replica.status()).toMatchObject({ config: { restartNeeded: [], refused: null } });
    await change(`${wide}http: {connectionMaxRequests: 0}\n`);
    await replica.weir.process.waitForLine(/"msg":"a changed configuration is refused, the old one stays"/);
    const [victim] = await replica.workers();
    process.kill(victim?.pid as number, 'SIGKILL');
    await until(
      async () => (await replica.workers())[0]?.restarts === 1 && (await replica.workers())[0]?.state === 'serving',
      {
        what: 'another worker in its place',
      },
    );
    expect(await closing()).toBe(40);
    expect(await replica.counter('weir_config_reloads_total', 'refused')).toBeGreaterThanOrEqual(1);
  });

  it('write by the settings of the log that are in force', async () => {
    const withRequests = (requests: boolean): string => `${wide}log: {requests: ${requests}}\n`;
    await using config = await testFile('weir.yaml', withRequests(true));
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    const { process: weir } = replica.weir;
    const change = async (requests: boolean, times: number): Promise<void> => {
      await replace(config.path, withRequests(requests));
      const applied = () => weir.stdout.filter((line) => line.includes('"msg":"a changed configuration is in force"'));
      await until(() => applied().length === times, { what: 'the change to be in force' });
    };
    const ask20 = (name: string) =>
      Promise.all(Array.from({ length: 20 }, (_, i) => replica.get('/v1/contacts', `${name}-${i}`)));
    await change(false, 1);
    await ask20('quiet');
    await change(true, 2);
    await ask20('loud');
    const lines = (name: string) => weir.stdout.filter((line) => line.includes(`"requestId":"${name}-`));
    await until(() => lines('loud').length === 20, { what: 'the lines of the last ones' });
    expect(new Set(lines('loud').map((line) => JSON.parse(line).worker))).toEqual(new Set([1, 2]));
    expect(lines('quiet')).toEqual([]);
  });

  it('all keep the old configuration where one of them does not get ready for the new one', async () => {
    const withLimit = (max: number): string => `${wide}http: {connectionMaxRequests: ${max}}\n`;
    await using config = await testFile('weir.yaml', withLimit(1_000));
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    const { pid } = (await replica.workers())[1] as WorkerStatus;
    const closing = async (): Promise<number> => {
      const fields = { authorization: `Bearer ${replica.token}`, connection: 'keep-alive' };
      const asked = Array.from({ length: 40 }, () => ask('GET', `${replica.weir.url}/v1/contacts`, { fields }));
      return (await Promise.all(asked)).filter((told) => told.fields.connection === 'close').length;
    };
    process.kill(pid as number, 'SIGSTOP');
    await replace(config.path, withLimit(1));
    const refused = await replica.weir.process.waitForLine(/"msg":"a changed configuration is refused/);
    process.kill(pid as number, 'SIGCONT');
    expect(refused).toContain('worker 2 did not answer within 10000 ms');
    expect(await closing()).toBe(0);
    replica.weir.process.kill('SIGHUP');
    await replica.weir.process.waitForLine(/"msg":"a changed configuration is in force"/);
    expect(await closing()).toBe(40);
  });

  it('cannot be more or fewer by a reload', async () => {
    await using config = await testFile('weir.yaml', `${wide}workers: 2\n`);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path, WEIR_WORKERS: '' });
    await replace(config.path, `${wide}workers: 3\n`);
    await replica.weir.process.waitForLine(/"restartNeeded":\["workers"\]/);
    expect(await replica.workers()).toHaveLength(2);
    expect(await replica.status()).toMatchObject({ config: { restartNeeded: ['workers'] } });
  });

  it('are drained together at SIGTERM: who is in flight in any of them is answered, and none is left', async () => {
    await using config = await testFile('weir.yaml', `${wide}stop: {lameDuckMs: 0, graceMs: 60000}\n`);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
    const pids = (await replica.workers()).map(({ pid }) => pid as number);
    const requests = await replica.inFlight(40);
    expect((await replica.workers()).every(({ connections }) => connections > 0)).toBe(true);
    replica.weir.process.kill('SIGTERM');
    // As an orchestrator does that signals every process of a group.
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    await until(async () => (await ask('GET', `${replica.weir.opsUrl}/readyz`)).status === 503, {
      what: '/readyz to say no',
    });
    replica.answerAll();
    expect(new Set(await replica.ended(requests))).toEqual(new Set([200]));
    expect(await replica.weir.process.exited).toEqual({ code: 0, signal: null });
    expect(pids.map(isGone)).toEqual([true, true]);
    expect((await replica.servedByLog(40)).size).toBe(2);
  });

  it('end at once at a second signal, and when their parent is killed', async () => {
    await using config = await testFile('weir.yaml', `${wide}stop: {lameDuckMs: 60000, graceMs: 60000}\n`);
    for (const end of ['SIGTERM', 'SIGKILL'] as const) {
      await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
      const pids = (await replica.workers()).map(({ pid }) => pid as number);
      const requests = await replica.inFlight(10);
      replica.weir.process.kill('SIGTERM');
      await replica.weir.process.waitForLine(/"msg":"stopping"/);
      // The same signal soon after is an echo of the first one.
      replica.weir.process.kill(end === 'SIGTERM' ? 'SIGINT' : end);
      const exit = await replica.weir.process.exited;
      expect(exit).toEqual(end === 'SIGTERM' ? { code: 1, signal: null } : { code: null, signal: 'SIGKILL' });
      await until(() => pids.every(isGone), { what: 'the end of all workers' });
      expect(await replica.ended(requests)).not.toContain(200);
    }
  });

  it('share the port by their parent where the system has no SO_REUSEPORT', async () => {
    await using config = await testFile('weir.yaml', wide);
    await using replica = await RunningWorkers.start({ WEIR_CONFIG: config.path, ...noReusePort });
    const told = await Promise.all(Array.from({ length: 20 }, () => replica.get()));
    expect(new Set(told.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await replica.servedByLog(20)).size).toBe(2);
    const [victim] = await replica.workers();
    process.kill(victim?.pid as number, 'SIGKILL');
    await until(async () => (await replica.workers())[0]?.restarts === 1, { what: 'another worker in its place' });
    expect((await replica.get()).status).toBe(200);
  });

  it('are not started on a port that another process has', async () => {
    await using replica = await RunningWorkers.start();
    const { port } = new URL(replica.weir.url);
    for (const WEIR_WORKERS of ['1', '2']) {
      await using second = startProcess(['serve'], {
        env: {
          HOST: '127.0.0.1',
          PORT: port,
          OPS_PORT: '0',
          WEIR_WORKERS,
          WEIR_ADMIN_PASSWORD: adminPassword,
          REDIS_URL: 'redis://127.0.0.1:1',
        },
      });
      expect(await second.exited).toEqual({ code: 1, signal: null });
      expect(second.transcript()).toMatch(/listen\.port \(PORT\): \d+ is taken by another process/);
    }
  });
});
