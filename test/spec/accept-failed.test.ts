/** A connection that can't be accepted (no descriptor, no memory) is the kernel's to refuse: the port stays open. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { startTestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { startUpstream } from '../support/upstream.ts';

/** The servers that begin to listen meanwhile. */
async function listeners<T>(
  open: () => Promise<T>,
): Promise<{ readonly opened: T; readonly servers: readonly Server[] }> {
  const servers = new Set<Server>();
  const listening = (message: unknown): void => void servers.add((message as { readonly server: Server }).server);
  subscribe('tracing:net.server.listen:asyncEnd', listening);
  try {
    return { opened: await open(), servers: [...servers] };
  } finally {
    unsubscribe('tracing:net.server.listen:asyncEnd', listening);
  }
}

const failed = (): Error => Object.assign(new Error('accept ENOMEM'), { code: 'ENOMEM', syscall: 'accept' });

describe('an accept that fails', () => {
  it('is said once in a while, on the main port and on the ops port', async () => {
    await using upstream = await startUpstream();
    const { opened: app, servers } = await listeners(() => startTestApp(upstream.url));
    expect(servers).toHaveLength(2);
    for (const server of servers) for (let i = 0; i < 100; i++) server.emit('error', failed());
    expect(app.events.filter(({ message }) => message.includes('accepted'))).toEqual([
      { level: 'warn', message: 'a connection to the ops port could not be accepted', fields: { reason: 'ENOMEM' } },
      { level: 'warn', message: 'a connection to the main port could not be accepted', fields: { reason: 'ENOMEM' } },
    ]);
    expect((await app.ops('/livez')).status).toBe(200);
    await app.close(0);
  });

  it('is nothing to the simulator', async () => {
    const { opened: simulator, servers } = await listeners(() => startSimulator());
    expect(servers).toHaveLength(2);
    for (const server of servers) server.emit('error', failed());
    expect((await ask('GET', `${simulator.url}/v1/health`)).status).toBe(200);
    await simulator.close();
  });
});
