/** `weir reload` asks the ops port of this machine, and says what came of it. */
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { reload } from '../../src/commands/reload.ts';
import type { OpsSources, ReloadReport } from '../../src/ops/ports.ts';
import { type OpsAddress, startOps } from '../../src/ops/server.ts';
import { runCommand } from '../support/command.ts';
import { operatorWith } from '../support/operator.ts';
import { listening } from '../support/ports.ts';

async function asked(args: readonly string[], env: Readonly<Record<string, string>>, file = '') {
  const { code, ...said } = runCommand(reload, args, env, file);
  return { code: await code, ...said };
}

async function withOps<T>(
  answer: OpsSources['reload'],
  check: (port: number) => Promise<T>,
  { host = '127.0.0.1', ...options }: Partial<OpsAddress> = {},
  metrics: OpsSources['metrics'] = () => expect.unreachable(),
): Promise<T> {
  const sources = {
    ready: () => expect.unreachable(),
    snapshot: () => expect.unreachable(),
    metrics,
    ...(answer === undefined ? {} : { reload: answer }),
  };
  const ops = await startOps({ ...options, host, port: 0 }, sources, operatorWith());
  return await check(ops.port).finally(() => ops.close());
}

const answering = (report: ReloadReport) => () => Promise.resolve(report);

describe('weir reload', () => {
  it('names what is in force, and what waits for a restart', async () => {
    const changed = ['limits.messages.rate', 'auth.apiKey'];
    const report = answering({ result: 'applied', hash: 'ab', changed, restartNeeded: ['listen.port'] });
    expect(await withOps(report, (port) => asked([], { OPS_PORT: `${port}` }))).toEqual({
      code: 0,
      out: ['in force: limits.messages.rate, auth.apiKey', 'these wait for a restart: listen.port'],
      err: [],
    });
  });

  it('says that nothing has changed', async () => {
    const report = answering({ result: 'unchanged', changed: [], restartNeeded: [] });
    const told = await withOps(report, (port) => asked(['--config', 'w.yaml'], {}, `ops: {port: ${port}}`));
    expect(told).toEqual({ code: 0, out: ['nothing has changed'], err: [] });
  });

  it('names every problem, and that the old one stays', async () => {
    const problems = ['w.yaml:1:1: log.level: no', 'w.yaml:2:1: http: no'];
    const told = await withOps(answering({ result: 'refused', problems }), (port) =>
      asked([], { OPS_PORT: `${port}` }),
    );
    expect(told).toEqual({ code: 1, out: [], err: [...problems, 'refused: the old configuration stays'] });
  });

  it('finds the port by the environment where the file can’t be read any more', async () => {
    const report = answering({ result: 'unchanged', changed: [], restartNeeded: [] });
    const told = await withOps(report, (port) => asked([], { OPS_PORT: `${port}` }, 'ops: {'));
    expect([told.code, told.out]).toEqual([0, ['nothing has changed']]);
  });

  it.each([
    ['no YAML further on', 'log: {level: [}'],
    ['a token that can’t be read', 'log: {level: loud}', '  tokenFile: /nowhere/token\n'],
  ])('finds the port in a file that has %s', async (_, wrong, more = '') => {
    const report = answering({ result: 'refused', problems: ['no'] });
    const told = await withOps(report, (port) =>
      asked(['--config', 'w.yaml'], {}, `ops:\n  port: ${port}\n${more}${wrong}\n`),
    );
    expect(told).toMatchObject({
      code: 1,
      err: expect.arrayContaining(['no', 'refused: the old configuration stays']),
    });
  });

  it.each([
    ['that is starting', () => null, /503|starting/],
    ['of before, which has no reload', undefined, /starting/],
  ])('says so of a Weir %s', async (_, answer, words) => {
    const { code, err } = await withOps(answer, (port) => asked([], { OPS_PORT: `${port}` }));
    expect([code, err.join()]).toEqual([1, expect.stringMatching(words)]);
  });

  it('says so where nobody listens', async () => {
    const { code, err } = await asked([], { OPS_PORT: '1' });
    expect([code, err]).toEqual([
      1,
      [expect.stringContaining('ECONNREFUSED'), expect.stringContaining('give that by OPS_PORT')],
    ]);
  });

  it('takes nothing but --config', async () => {
    expect(await asked(['now'], {})).toMatchObject({
      code: 1,
      err: [expect.stringContaining('unknown argument "now"')],
    });
  });

  it('is answered to this machine also where the port has an address of its own', async () => {
    const report = answering({ result: 'unchanged', changed: [], restartNeeded: [] });
    const told = await withOps(report, (port) => asked([], {}, `ops: {host: 127.0.0.9, port: ${port}}`), {
      host: '127.0.0.9',
    });
    expect(told.code).toBe(0);
  });

  it('is answered also where it takes longer than a reader of the port may stall', async () => {
    const begun = Promise.withResolvers<void>();
    const cut = Promise.withResolvers<void>();
    const report: ReloadReport = { result: 'unchanged', changed: [], restartNeeded: [] };
    const answer = async () => {
      begun.resolve();
      await cut.promise;
      return report;
    };
    const check = async (port: number) => {
      const told = asked([], { OPS_PORT: `${port}` });
      await begun.promise;
      // Another one that gets no answer, from now on: when it is cut off, the command would have been, too.
      await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow('fetch failed');
      cut.resolve();
      return await told;
    };
    const told = await withOps(answer, check, { stalledMaxMs: 100 }, () => new Promise<never>(() => {}));
    expect(told).toEqual({ code: 0, out: ['nothing has changed'], err: [] });
  });

  it.each(['{"status":"ok"}', '<p>hello</p>', 'null'])('says so where something else answers: %s', async (page) => {
    const other = createServer((_, response) => response.end(page));
    const port = await listening(other);
    const { code, err } = await asked([], { OPS_PORT: `${port}` });
    other.close();
    expect([code, err]).toEqual([
      1,
      [`weir reload: http://127.0.0.1:${port}/reload: what answers there is no ops port of Weir`],
    ]);
  });
});
