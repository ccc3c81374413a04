/** The health check of the image: whether the Weir on this machine is ready, and why not. */
import { describe, expect, it } from 'vitest';
import { ready } from '../../src/commands/ready.ts';
import { startOps } from '../../src/ops/server.ts';
import { operatorWith } from '../support/operator.ts';

async function withOps(isReady: boolean, host: string, check: (port: number) => Promise<void>): Promise<void> {
  const sources = {
    ready: () => (isReady ? { ready: true, why: null } : { ready: false, why: 'stopping' }),
    snapshot: () => expect.unreachable(),
    metrics: () => expect.unreachable(),
  };
  const ops = await startOps({ host, port: 0 }, sources, operatorWith());
  await check(ops.port).finally(() => ops.close());
}

async function asked(env: Readonly<Record<string, string>>, file = '') {
  const said: string[] = [];
  const io = { out: () => expect.unreachable(), err: (line: string) => void said.push(line), readFile: () => file };
  return { code: await ready(env, io), said };
}

describe('src/ready.ts', () => {
  it.each([
    ['0.0.0.0', 'the variable', (port: number) => asked({ OPS_PORT: `${port}` })],
    ['127.0.0.1', 'the file', (port: number) => asked({}, `ops: {port: ${port}}`)],
    ['::', 'the file, with its host', (port: number) => asked({}, `ops: {port: ${port}, host: "::"}`)],
    ['127.0.0.9', 'the file, with its host', (port: number) => asked({}, `ops: {port: ${port}, host: 127.0.0.9}`)],
    [
      '127.0.0.1',
      'the variable, though the rest of the file is wrong',
      (port: number) => asked({ OPS_PORT: `${port}` }, 'limits: {messages: {rate: -1}}'),
    ],
  ])('asks at %s, by %s', async (host, _, ask) => {
    await withOps(true, host, async (port) => expect(await ask(port)).toEqual({ code: 0, said: [] }));
  });

  it('says no, and why, while the replica is not ready', async () => {
    await withOps(false, '127.0.0.1', async (port) => {
      const url = `http://127.0.0.1:${port}/readyz`;
      expect(await asked({ OPS_PORT: `${port}` })).toEqual({ code: 1, said: [`${url}: not ready: stopping`] });
    });
  });

  it('says no where nobody listens', async () => {
    const { code, said } = await asked({ OPS_PORT: '1' });
    expect(code).toBe(1);
    expect(said).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('takes the environment’s port where the file can’t be read any more: the running process may have the good one', async () => {
    await withOps(true, '127.0.0.1', async (port) => {
      const { code, said } = await asked({ OPS_PORT: `${port}` }, 'ops: {');
      expect(code).toBe(0);
      expect(said).not.toEqual([]);
    });
  });
});
