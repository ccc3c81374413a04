/** What may befall a process: signals, readers that go, bugs. None of it loses what callers wait for. */
import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { login, type RunningWeir, startWeir } from '../support/weir.ts';

const alive = async ({ opsUrl }: RunningWeir): Promise<void> =>
  void expect(await ask('GET', `${opsUrl}/livez`)).toMatchObject({ status: 200, text: 'ok\n' });

const bugs = ({ process }: RunningWeir): string[] => process.stdout.filter((line) => line.includes('"msg":"a bug'));

describe('signals', () => {
  it.each(['src/main.ts', 'bin/weir.js'])(
    'SIGHUP, SIGUSR1 and SIGUSR2 are a line each, and nothing else (%s)',
    async (script) => {
      await using upstream = await startUpstream();
      await using weir = await startWeir({ COREAPP_URL: upstream.url }, { script });
      const said = weir.process.lines.length;
      for (const [signal, line] of [
        ['SIGHUP', /"level":"info".*"reason":"SIGHUP".*the configuration is the one that runs/],
        ['SIGUSR1', /"level":"warn".*SIGUSR1: .*inspector stays closed/],
        ['SIGUSR2', /"level":"warn".*SIGUSR2 means nothing/],
      ] as const) {
        weir.process.kill(signal);
        await weir.process.waitForLine(line);
      }
      await alive(weir);
      expect(weir.process.lines).toHaveLength(said + 3);
      expect(await weir.process.stop(60_000, 'SIGINT')).toEqual({ code: 0, signal: null });
    },
  );

  it('SIGHUP has a changed configuration be in force, or says what is wrong with it; and so does `weir reload`', async () => {
    await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
    const quiet = 'log: {level: warn}\n';
    await using config = await testFile('weir.yaml', '{}\n');
    await using weir = await startWeir({ COREAPP_URL: upstream.url, WEIR_CONFIG: config.path });
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    const request = async () => (await ask('GET', `${weir.url}/v1/contacts`, { fields })).status;
    const inForce = (word: string) => new RegExp(`"msg":"a changed configuration is ${word}`);
    await writeFile(config.path, `${quiet}http: {serverTiming: 7}\n`);
    weir.process.kill('SIGHUP');
    await weir.process.waitForLine(inForce('refused'));
    expect(await request()).toBe(200);
    await weir.process.waitForLine(/"msg":"request".*"path":"\/v1\/contacts"/);
    await writeFile(config.path, quiet);
    const env = { OPS_PORT: new URL(weir.opsUrl).port, WEIR_CONFIG: config.path };
    await using reload = startProcess(['reload'], { env });
    expect((await reload.exited).code).toBe(0);
    expect(reload.stdout.join('\n')).toMatch(/^(in force: log\.level|nothing has changed)$/);
    const said = weir.process.lines.length;
    expect(await request()).toBe(200);
    await alive(weir);
    expect(weir.process.lines).toHaveLength(said);
  });

  it('the inspector is open for whoever asks for it', async () => {
    await using upstream = await startUpstream();
    await using weir = await startWeir({ COREAPP_URL: upstream.url, NODE_OPTIONS: '--inspect=127.0.0.1:0' });
    expect(weir.process.stderr[0]).toMatch(/^Debugger listening on ws:/);
  });
});

describe('a reader that has gone', () => {
  it('of stderr, before the start, costs the banner only', async () => {
    await using upstream = await startUpstream();
    await using weir = await startWeir({ COREAPP_URL: upstream.url }, { unread: 'stderr' });
    const authorization = `Bearer ${await login(weir.url)}`;
    expect((await ask('GET', `${weir.url}/v1/contacts`, { fields: { authorization } })).status).toBe(200);
    expect(await weir.process.stop(60_000, 'SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('of either, while it serves, costs what is said from then on, which is counted', async () => {
    await using upstream = await startUpstream();
    await using weir = await startWeir({ COREAPP_URL: upstream.url });
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    for (const from of ['stdout', 'stderr'] as const) {
      weir.process.stopReading(from);
      for (let i = 0; i < 20; i++) expect((await ask('GET', `${weir.url}/v1/contacts`, { fields })).status).toBe(200);
      weir.process.kill('SIGHUP');
      await alive(weir);
    }
    const lost = async () =>
      Number(
        /weir_log_lines_left_out_total\{reason="notWritten"\} (\d+)/.exec(
          (await ask('GET', `${weir.opsUrl}/metrics`)).text,
        )?.[1],
      );
    // 40 requests, two reloads; what the pipe still took of the first ones is not known.
    await until(async () => (await lost()) >= 20, { what: 'the lines that nobody reads' });
    expect(await weir.process.stop(60_000, 'SIGINT')).toEqual({ code: 0, signal: null });
  });
});

describe('a bug that nobody caught', () => {
  it('is logged with its stack; what waits is served, and the exit code is 70, whatever comes meanwhile', async () => {
    const inFlight: Socket[] = [];
    await using upstream = await startUpstream((_, socket) => void inFlight.push(socket));
    const yaml = `coreapp: {permitsMax: 1, answerTimeoutMs: 600000}
limits: {default: {holdMaxMs: 600000}}
stop: {lameDuckMs: 0, graceMs: 600000}
`;
    await using config = await testFile('weir.yaml', yaml);
    const preload = `--import ${new URL('../support/bug-on-signal.ts', import.meta.url)}`;
    await using weir = await startWeir({
      WEIR_CONFIG: config.path,
      COREAPP_URL: upstream.url,
      NODE_OPTIONS: preload,
    });
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    const asked = Array.from({ length: 4 }, () => ask('GET', `${weir.url}/v1/contacts`, { fields }));
    for (const one of asked) one.catch(() => {});
    const inLine = async (): Promise<boolean> => {
      const { lines } = (await ask('GET', `${weir.opsUrl}/status`)).json as { lines: { requests: number }[] };
      return lines.reduce((sum, { requests }) => sum + requests, 0) === asked.length - 1;
    };
    await until(inLine, { what: 'all but one to wait' });
    weir.process.kill('SIGUSR2');
    await weir.process.waitForLine(/"msg":"stopping"/);
    expect((await ask('GET', `${weir.opsUrl}/readyz`)).status).toBe(503);
    weir.process.kill('SIGUSR2');
    await until(() => bugs(weir).length === 2, { what: 'the second bug' });
    weir.process.kill('SIGTERM');
    await weir.process.waitForLine(/"msg":"stopping already, after a bug"/);
    const ok = answer(200, {}, 'ok');
    upstream.play(say(ok));
    for (const socket of inFlight) socket.write(ok);
    for (const one of asked) expect(await one).toMatchObject({ status: 200, text: 'ok' });
    expect(await weir.process.exited).toEqual({ code: 70, signal: null });
    const [thrown, rejected] = bugs(weir).map(
      (line) => JSON.parse(line) as { level: string; error: { stack: string } },
    );
    expect(thrown).toMatchObject({ level: 'error', error: { stack: expect.stringMatching(/bug 1, thrown\n +at /) } });
    expect(rejected).toMatchObject({
      level: 'error',
      error: { stack: expect.stringMatching(/bug 2, rejected\n +at /) },
    });
    expect(weir.process.stdout.at(-1)).toMatch(/"msg":"stopped"/);
  });
});
