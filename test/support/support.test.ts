/** The helpers that other tests stand on: when these lie, nothing else can be trusted. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startProcess, type TestProcess } from './processes.ts';
import { startRedis } from './redis.ts';
import { until, within } from './until.ts';

/** A zombie, which only waits for its parent to ask how it ended, is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

const script = 'test/support/fixtures/child.ts';
const child = (...args: string[]): TestProcess => startProcess(args, { script });

describe('until', () => {
  it('hands back what it waited for', async () => {
    let tries = 0;
    expect(await until(() => (++tries < 3 ? null : tries), { what: 'three tries' })).toBe(3);
  });

  it('takes 0 and the empty string for values, as they are', async () => {
    expect(await until(() => 0, { what: 'a number' })).toBe(0);
    expect(await until(() => '', { what: 'a text' })).toBe('');
  });

  it('fails with what it waited for and why the last try failed', async () => {
    const broken = (): boolean => {
      throw new Error('no route');
    };
    const wait = { what: 'a reply', deadlineMs: 20 };
    await expect(until(() => false, wait)).rejects.toThrow('Waited 20 ms in vain for a reply.');
    await expect(until(broken, wait)).rejects.toThrow('for a reply; the last try failed: no route.');
    await expect(within(new Promise(() => {}), wait)).rejects.toThrow('Waited 20 ms in vain for a reply.');
  });
});

describe('startProcess', () => {
  it('keeps what the process says, and stops it', async () => {
    await using running = child('serve');
    expect(await running.waitForLine(/^listening on (\d+)$/)).toBe('listening on 1234');
    expect(running.stderr).toEqual(['a word of warning']);
    expect(await running.stop()).toEqual({ code: 0, signal: null });
    expect(running.stdout.at(-1)).toBe('stopping after SIGTERM');
  });

  it('kills one that does not stop', async () => {
    await using running = child('stubborn');
    await running.waitForLine(/^listening/);
    expect(await running.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('does not wait for a line of one that has ended, and shows what it said instead', async () => {
    await using running = child('fail');
    await expect(running.waitForLine(/^listening/)).rejects.toThrow(
      /ended with code 3.*\n.*\n {2}stderr: no such option/,
    );
    await expect(running.waitForLine(/^listening/)).rejects.toThrow('ended with code 3');
  });

  it('leaves nothing behind when the test process is killed', async () => {
    await using tester = child('tester');
    const pid = Number((await tester.waitForLine(/^child (\d+)$/)).slice('child '.length));
    expect(isAlive(pid)).toBe(true);
    tester.kill('SIGKILL');
    await until(() => !isAlive(pid), { what: 'its child to be gone' });
  });
});

describe('startRedis', () => {
  it('serves, restarts on the same port, is killed and stopped', async () => {
    await using redis = await startRedis();
    const { pid, port } = redis;
    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
    await redis.kill('SIGSTOP');
    await redis.restart();
    await redis.kill('SIGKILL');
    expect(isAlive(redis.pid)).toBe(false);
    await redis.restart();
    const last = redis.pid;
    await redis.stop();
    await redis.stop();
    expect(isAlive(last)).toBe(false);
  });

  it('takes arguments, and shows what the server said when it does not like them', async () => {
    await using redis = await startRedis(['--requirepass', 'secret']);
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    await expect(startRedis(['--no-such-option', 'yes'])).rejects.toThrow(/ended with code 1[\s\S]*no-such-option/);
  });
});
