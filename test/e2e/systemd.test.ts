/** A whole process under a service manager: sockets that it hands over, and what it is told. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { temporaryFolder } from '../support/files.ts';
import { startProcess } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { startWeir } from '../support/weir.ts';
import { isGone, RunningWorkers } from '../support/workers.ts';

const folder = temporaryFolder(afterAll);

/** A socket that listens, for a process that it is handed over to. */
async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { port } = server.address() as { port: number };
  return { fd, port, close: () => server.close() };
}

it('the main port and the ops port may be handed over', async () => {
  await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
  const [ops, main] = [await listening(), await listening()];
  const starting = startWeir(
    { UPSTREAM_URL: upstream.url, WEIR_PROFILE: 'none', LISTEN_FDS: '2', LISTEN_FDNAMES: 'ops:weir.socket' },
    { sockets: [ops.fd, main.fd] },
  );
  // From now on the process alone has them.
  ops.close();
  main.close();
  await using weir = await starting;
  expect([weir.url, weir.opsUrl]).toEqual([`http://127.0.0.1:${main.port}`, `http://127.0.0.1:${ops.port}`]);
  expect((await ask('GET', `${weir.opsUrl}/readyz`)).status).toBe(200);
  expect((await ask('GET', `${weir.url}/x`)).status).toBe(401);
  weir.process.kill('SIGHUP');
  expect(await weir.process.waitForLine(/"reason":"SIGHUP"/)).toContain('the configuration is the one that runs');
});

it('a socket that is handed over is that of all workers, and callers wait in it while there are none', async () => {
  const [ops, main] = [await listening(), await listening()];
  const env = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'ops:weir.socket' };
  await using replica = await RunningWorkers.start(env, { sockets: [ops.fd, main.fd] }, () => {
    ops.close();
    main.close();
  });
  expect([replica.weir.url, replica.weir.opsUrl]).toEqual([
    `http://127.0.0.1:${main.port}`,
    `http://127.0.0.1:${ops.port}`,
  ]);
  // A worker that has stopped takes nothing: the other one gets all that comes.
  const pids = (await replica.workers()).map(({ pid }) => pid as number);
  for (const pid of pids) {
    process.kill(pid, 'SIGSTOP');
    const told = await replica.ended([replica.get()]);
    process.kill(pid, 'SIGCONT');
    expect(told).toEqual([200]);
  }
  expect([...(await replica.servedByLog(2)).values()]).toEqual([1, 1]);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(() => pids.every(isGone), { what: 'the end of both' });
  const requests = Array.from({ length: 10 }, () => replica.get());
  expect(new Set(await replica.ended(requests))).toEqual(new Set([200]));
});

it('sockets that cannot be used keep Weir from starting, and it says why', async () => {
  const { fd, close } = await listening();
  const env = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b', OPS_PORT: '0' };
  await using weir = startProcess(['serve'], { env, sockets: [fd, fd] });
  close();
  expect(await weir.exited).toEqual({ code: 1, signal: null });
  expect(weir.stderr.join('\n')).toMatch(/weir serve: LISTEN_FDS: 2 sockets, and two of them are for the main port/);
});

it.each([1, 2])('a file in the place of a socket keeps Weir from starting, with %i workers', async (workers) => {
  await using redis = await startRedis();
  const file = openSync(join(folder, 'no-socket'), 'w');
  const env = {
    LISTEN_FDS: '1',
    OPS_PORT: '0',
    WEIR_PROFILE: 'none',
    WEIR_WORKERS: `${workers}`,
    REDIS_URL: redis.url,
    UPSTREAM_URL: 'http://127.0.0.1:1',
  };
  await using weir = startProcess(['serve'], { env, sockets: [file] });
  closeSync(file);
  expect(await weir.exited).toEqual({ code: 1, signal: null });
  expect(weir.stderr.join('\n')).toMatch(
    /weir serve: listen\.port \(PORT\): the socket that was handed over for it \(LISTEN_FDS\) does not listen \(\w+\); hand over a listening one of TCP/,
  );
});

it('systemd-notify is run for each message, with nothing of the environment but where to send it', async () => {
  const told = join(folder, 'told');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\n{ echo "$*"; env; echo; } >> ${told}\n`, { mode: 0o755 });
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    NOTIFY_SOCKET: '/run/weir-test/notify',
    WATCHDOG_USEC: '1000000',
    WEIR_PROFILE: 'none',
    WA_API_KEY: 'monitoring-key-1',
  };
  const messages = (): string[] => readFileSync(told, 'utf8').match(/^[A-Z]+=1 .*$|^WATCHDOG=1$/gm) ?? [];
  await using weir = await startWeir(env);
  await until(() => messages().includes('WATCHDOG=1'), { what: 'a sign of life' });
  weir.process.kill('SIGHUP');
  await weir.process.waitForLine(/"reason":"SIGHUP"/);
  expect(await weir.process.stop(60_000, 'SIGINT')).toEqual({ code: 0, signal: null });
  const kinds = messages().filter((one) => one !== 'WATCHDOG=1');
  const ready = `READY=1 STATUS=Serving on port ${new URL(weir.url).port}; the ops port is ${new URL(weir.opsUrl).port}`;
  expect(kinds[0]).toBe(ready);
  expect(kinds[1]).toMatch(/^RELOADING=1 MONOTONIC_USEC=\d{6,} STATUS=Reloading$/);
  expect(kinds.slice(2)).toEqual([ready, 'STOPPING=1 STATUS=Stopping: requests that wait are served']);
  expect(readFileSync(told, 'utf8')).toContain('NOTIFY_SOCKET=/run/weir-test/notify');
  expect(readFileSync(told, 'utf8')).not.toContain('monitoring-key-1');
});
