/** What Weir says to systemd, and what it takes from it: messages, the watchdog, sockets that are handed over, the unit. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { watchdogMs } from '../../src/adapters/systemd/notify.ts';
import { socketsHandedOver } from '../../src/adapters/systemd/sockets.ts';
import { ServiceManager } from '../../src/commands/service-manager.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const inRepository = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('sockets', () => {
  it.each([
    [{}, null, null],
    [{ LISTEN_FDS: '1', LISTEN_PID: '8' }, null, null],
    [{ LISTEN_FDS: '0', LISTEN_PID: '7' }, null, null],
    [{ LISTEN_FDS: 'x', LISTEN_PID: '7' }, null, null],
    [{ LISTEN_FDS: '1', LISTEN_PID: '7' }, 3, null],
    [{ LISTEN_FDS: '1', LISTEN_PID: '7', LISTEN_FDNAMES: 'weir.socket' }, 3, null],
    [{ LISTEN_FDS: '1', LISTEN_PID: '7', LISTEN_FDNAMES: 'ops' }, null, 3],
    [{ LISTEN_FDS: '2', LISTEN_PID: '7', LISTEN_FDNAMES: 'ops:main' }, 4, 3],
  ])('%j are main: %j and ops: %j', (env, main, ops) => expect(socketsHandedOver(env, 7)).toEqual({ main, ops }));

  it.each([
    [{ LISTEN_FDS: '2', LISTEN_PID: '7' }, /two of them are for the main port; .*FileDescriptorName=ops/],
    [{ LISTEN_FDS: '3', LISTEN_PID: '7', LISTEN_FDNAMES: 'main:ops:ops' }, /two of them are for the ops port/],
  ])('%j are refused', (env, problem) => expect(() => socketsHandedOver(env, 7)).toThrow(problem));
});

it.each([
  [{}, null],
  [{ WATCHDOG_USEC: '30000000' }, 30_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 30_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, null],
  [{ WATCHDOG_USEC: '0' }, null],
  [{ WATCHDOG_USEC: 'soon' }, null],
])('with %j a sign of life is wanted each %s ms', (env, ms) => expect(watchdogMs(env, 7)).toBe(ms));

function managed(options: { watchdogMs?: number; fails?: boolean } = {}) {
  const told: string[] = [];
  const said: string[] = [];
  const clock = new VirtualClock();
  const health = { alive: true };
  const manager = new ServiceManager({
    send: async (assignments) => {
      if (options.fails === true) throw new Error('spawn systemd-notify ENOENT');
      told.push(assignments.join(' '));
    },
    watchdogMs: options.watchdogMs ?? null,
    alive: async () => health.alive,
    monotonicUs: () => 123_456_789n,
    clock,
    log: {
      ...silentLog,
      warn: (message, fields) => void said.push(`${message}: ${fields?.['reason']}`),
      error: (message) => void said.push(message),
    },
  });
  return { manager, told, said, clock, health };
}

const ops = { host: '0.0.0.0', port: 9_464 };
const serving = 'READY=1 STATUS=Serving on port 8080; the ops port is 9464';

describe('the service manager', () => {
  it('hears when Weir serves, reloads and stops', async () => {
    const { manager, told } = managed();
    manager.ready(8_080, ops);
    manager.reloading();
    manager.reloaded({ result: 'unchanged', changed: [], restartNeeded: [] });
    manager.reloading();
    manager.reloaded({ result: 'refused', problems: ['no'] });
    manager.stopping();
    manager.reloading();
    manager.reloaded({ result: 'refused', problems: ['Weir is stopping'] });
    await manager.close();
    const reloading = 'RELOADING=1 MONOTONIC_USEC=123456789 STATUS=Reloading';
    expect(told).toEqual([
      serving,
      reloading,
      serving,
      reloading,
      `${serving}; the last configuration was refused, see the log`,
      'STOPPING=1 STATUS=Stopping: requests that wait are served',
    ]);
  });

  it('gets a sign of life at half the time that it wants one, as long as the ops port answers, also while Weir drains', async () => {
    const { manager, told, said, clock, health } = managed({ watchdogMs: 30_000 });
    manager.ready(8_080, ops);
    await clock.advance(14_999);
    expect(told).toEqual([serving]);
    await clock.advance(1);
    expect(told.slice(1)).toEqual(['WATCHDOG=1']);
    health.alive = false;
    await clock.advance(30_000);
    expect(told.slice(1)).toEqual(['WATCHDOG=1']);
    expect(said[0]).toMatch(/the ops port does not answer/);
    health.alive = true;
    manager.stopping();
    await clock.advance(15_000);
    expect(told.at(-1)).toBe('WATCHDOG=1');
    await manager.close();
    await clock.advance(60_000);
    expect(told).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it('that cannot be told costs a line of the log', async () => {
    const { manager, said } = managed({ fails: true });
    manager.ready(8_080, ops);
    await manager.close();
    expect(said).toEqual(['the service manager could not be told: spawn systemd-notify ENOENT']);
  });
});

describe('the units', () => {
  const service = inRepository('packaging/systemd/weir.service');
  const page = inRepository('docs/how-to/run-under-systemd.md');

  it('fit Weir’s own times', () => {
    const { lameDuckMs, graceMs } = { lameDuckMs: 3_000, graceMs: 35_000 };
    expect(inRepository('config/weir.yaml')).toMatch(
      new RegExp(`lameDuckMs: ${lameDuckMs} .*graceMs: ${graceMs} `, 's'),
    );
    const stopMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(service)?.[1]) * 1_000;
    expect(stopMs).toBeGreaterThan(lameDuckMs + graceMs + 1_000);
  });

  it('are in the package, and told of', () => {
    expect((JSON.parse(inRepository('package.json')) as { files: string[] }).files).toContain('packaging');
    for (const name of ['weir.service', 'weir.socket', '/etc/weir/weir.yaml', '/etc/default/weir', 'LoadCredential=']) {
      expect(page).toContain(name);
    }
  });
});
