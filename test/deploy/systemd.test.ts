/** Weir as a service of systemd: the units as systemd reads them, and its messages as systemd-notify sends them. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { temporaryFolder } from '../support/files.ts';
import { leash } from '../support/leash.ts';
import { until } from '../support/until.ts';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const folder = temporaryFolder(afterAll);

const noSystemd = inject('lacking').systemd !== null;

describe.skipIf(noSystemd)('the units', () => {
  const units = join(folder, 'units');
  mkdirSync(units);
  for (const name of ['weir.service', 'weir.socket']) {
    const text = readFileSync(inRepository(`packaging/systemd/${name}`), 'utf8');
    // What is to be started need not be installed here.
    writeFileSync(join(units, name), text.replaceAll('/usr/local/bin/weir', '/usr/bin/true'));
  }
  const analyze = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { cwd: units, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };

  it('have nothing that systemd objects to', () => {
    expect(analyze('verify', './weir.service', './weir.socket')).toEqual({ status: 0, text: '' });
  });

  it('leave the service exposed no more than 2.0 of 10', () => {
    const { status, text } = analyze('security', '--offline=true', '--threshold=20', '--no-pager', './weir.service');
    expect(text).toMatch(/Overall exposure level for weir\.service: 1\.\d OK/);
    expect(status).toBe(0);
  });
});

interface Said {
  readonly port?: number;
  readonly started?: number;
  readonly from?: number;
  readonly text?: string;
  readonly ended?: number;
}

/** Weir under a service manager that listens for it. */
class Managed implements AsyncDisposable {
  readonly said: Said[] = [];
  readonly #child: ChildProcessWithoutNullStreams;

  constructor() {
    const socket = join(folder, 'notify');
    const command = [process.execPath, inRepository('src/main.ts'), 'serve', '--profile', 'none'];
    const env = {
      PATH: process.env.PATH,
      OPS_PORT: '0',
      HOST: '127.0.0.1',
      WATCHDOG_USEC: '1000000',
      LOG_LEVEL: 'warn',
    };
    const args = [inRepository('test/deploy/support/service-manager.py'), socket, ...command];
    this.#child = leash(spawn('/usr/bin/python3', args, { env, stdio: 'pipe' }));
    this.#child.stderr.resume();
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      // Weir's own lines are among them.
      if (/^\{"(port|started|from|ended)"/.test(line)) this.said.push(JSON.parse(line) as Said);
    });
  }

  async hear(what: string, find: (said: Said) => boolean, from = 0): Promise<Said> {
    return await until(() => this.said.slice(from).find(find) ?? null, { what });
  }

  message(pattern: RegExp, from = 0): Promise<Said> {
    return this.hear(`the message ${pattern}`, ({ text = '' }) => pattern.test(text), from);
  }

  again(): void {
    this.#child.stdin.write('again\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { started } = this.said.findLast((one) => one.started !== undefined) ?? {};
    if (started !== undefined) process.kill(started, 'SIGKILL');
    this.#child.stdin.end();
    await new Promise((resolve) => this.#child.once('close', resolve));
  }
}

describe.skipIf(noSystemd)('a service manager', () => {
  it('hears of the start, of reloads, of life and of the stop, and loses no caller while Weir starts anew', async () => {
    await using manager = new Managed();
    const { port = 0 } = await manager.hear('the port', (said) => said.port !== undefined);
    const { started: pid = 0 } = await manager.hear('the start', (said) => said.started !== undefined);
    const url = `http://127.0.0.1:${port}/x`;
    // Weir listens later than its socket.
    expect((await ask('GET', url)).status).toBe(401);
    expect((await manager.message(/^READY=1/)).text).toMatch(
      new RegExp(`^READY=1\nSTATUS=Serving on port ${port}; the ops port is \\d+$`),
    );
    await manager.message(/^WATCHDOG=1$/);
    const before = manager.said.length;
    process.kill(pid, 'SIGHUP');
    const { text = '' } = await manager.message(/^RELOADING=1/, before);
    expect(text).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=Reloading$/);
    await manager.message(/^READY=1/, before);
    await manager.message(/^WATCHDOG=1$/, manager.said.length);

    process.kill(pid, 'SIGINT');
    await manager.message(/^STOPPING=1/);
    expect((await manager.hear('the end', ({ ended }) => ended !== undefined)).ended).toBe(0);
    const waiting = connect(port, '127.0.0.1');
    await new Promise((resolve) => waiting.once('connect', resolve));
    waiting.write('GET /y HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n');
    const told = waiting.setEncoding('utf8').toArray();
    manager.again();
    expect((await told).join('')).toMatch(/^HTTP\/1\.1 401 /);
  });
});
