/** Signals, as an orchestrator sends them to a real process. */
import { rename, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { login, type RunningWeir, startWeir } from '../support/weir.ts';

/**
 * A process with one permit for each class, a request that has the permit until `release`, and another one that waits in
 * line for it: for as long as the test likes.
 */
async function withHeld(
  stop: string,
  play: (weir: RunningWeir, held: ReturnType<typeof ask>, release: () => void) => Promise<void>,
): Promise<void> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using upstream = await startUpstream((arrival, socket) => {
    void released.then(() => say(answer(200, {}, 'ok'))(arrival, socket));
  });
  const yaml = 'coreapp: {permitsMax: 1, answerTimeoutMs: 600000}\nlimits: {default: {holdMaxMs: 600000}}\n';
  await using config = await testFile('weir.yaml', `${yaml}stop: ${stop}\n`);
  await using weir = await startWeir({ WEIR_CONFIG: config.path, COREAPP_URL: upstream.url });
  const fields = { authorization: `Bearer ${await login(weir.url)}` };
  const inFlight = ask('GET', `${weir.url}/v1/contacts`, { fields }).catch(() => null);
  await until(() => upstream.arrivals.length === 1, { what: 'the request at the upstream' });
  const held = ask('GET', `${weir.url}/v1/contacts`, { fields });
  held.catch(() => {});
  await until(
    async () => {
      const { lines } = (await ask('GET', `${weir.opsUrl}/status`)).json as {
        lines: Record<string, { requests: number }>;
      };
      return Object.values(lines).some((line) => line.requests > 0);
    },
    { what: 'somebody in line' },
  );
  await play(weir, held, release);
  await inFlight;
}

const readiness = async (weir: RunningWeir): Promise<number> => (await ask('GET', `${weir.opsUrl}/readyz`)).status;

const refusesConnections = (weir: RunningWeir): Promise<boolean> =>
  ask('GET', `${weir.url}/v1/contacts`).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );

describe('SIGTERM', () => {
  it('is "not ready" at once while the listener is open, and serves who waits', async () => {
    await withHeld('{lameDuckMs: 600000, graceMs: 600000}', async (weir, held, release) => {
      weir.process.kill('SIGTERM');
      await until(async () => (await readiness(weir)) === 503, { what: '/readyz to say no' });
      expect((await ask('GET', `${weir.url}/v1/contacts`)).status).toBe(401); // It still listens.
      release();
      expect(await held).toMatchObject({ status: 200, text: 'ok' });
    });
  });

  it('serves who waits after the lame-duck time as well, and ends with 0', async () => {
    await withHeld('{lameDuckMs: 100, graceMs: 600000}', async (weir, held, release) => {
      weir.process.kill('SIGTERM');
      await until(() => refusesConnections(weir), { what: 'the end of the lame-duck time' });
      release();
      expect(await held).toMatchObject({ status: 200, text: 'ok' });
      expect(await weir.process.exited).toEqual({ code: 0, signal: null });
      expect(weir.process.stdout.at(-1)).toMatch(/"msg":"stopped"/);
    });
  });

  it.each(['1', '2'])('goes by the times of the last reload, with %s processes', async (WEIR_WORKERS) => {
    const yaml = (ms: number) => `stop: {lameDuckMs: ${ms}, graceMs: ${ms}}\n`;
    await using redis = await startRedis();
    await using upstream = await startUpstream(() => {}); // Says nothing, ever.
    await using config = await testFile('weir.yaml', yaml(600_000));
    const env = { WEIR_WORKERS, REDIS_URL: redis.url, COREAPP_URL: upstream.url, WEIR_CONFIG: config.path };
    await using weir = await startWeir(env);
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    const waiting = ask('GET', `${weir.url}/v1/contacts`, { fields }).catch(() => null);
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the upstream' });
    await writeFile(`${config.path}.new`, yaml(0));
    await rename(`${config.path}.new`, config.path);
    await weir.process.waitForLine(/"msg":"a changed configuration is in force"/);
    weir.process.kill('SIGTERM');
    expect(await weir.process.exited).toEqual({ code: 0, signal: null });
    await waiting;
  });

  it('refuses with 503 and error 1011 who can’t be served in the grace time, and ends with 0', async () => {
    const refused = async (weir: RunningWeir, held: ReturnType<typeof ask>): Promise<void> => {
      weir.process.kill('SIGTERM');
      const told = await held;
      expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1011 }] } });
      expect(Number(told.fields['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(told.fields.connection).toBe('close');
      expect(await weir.process.exited).toEqual({ code: 0, signal: null });
    };
    await withHeld('{lameDuckMs: 0, graceMs: 100}', refused);
  });

  it('and a second signal ends it at once, with 1', async () => {
    await withHeld('{lameDuckMs: 600000, graceMs: 600000}', async (weir, held) => {
      weir.process.kill('SIGTERM');
      await weir.process.waitForLine(/"msg":"stopping"/);
      weir.process.kill('SIGINT');
      expect(await weir.process.exited).toEqual({ code: 1, signal: null });
      await held.catch(() => {});
    });
  });
});

describe('SIGINT', () => {
  it('needs no lame-duck time: nobody has a balancer on the terminal', async () => {
    // No test takes that long.
    await withHeld('{lameDuckMs: 600000, graceMs: 600000}', async (weir, held, release) => {
      weir.process.kill('SIGINT');
      await weir.process.waitForLine(/"msg":"stopping"/);
      release();
      expect((await held).status).toBe(200);
      expect(await weir.process.exited).toEqual({ code: 0, signal: null });
    });
  });
});
