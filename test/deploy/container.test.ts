/** A container of the image at work: its limits, its health, its way through a stop, and beside a Coreapp as a sidecar. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { basic } from '../support/basic.ts';
import { type TestFile, testFile } from '../support/files.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { adminPassword, login, type RunningSimulator, startSimulatorProcess } from '../support/weir.ts';
import { Container, hardened, hostNetwork, type Serving } from './support/container.ts';
import { buildImage } from './support/image.ts';
import { podman } from './support/podman.ts';

const loopback = { HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0' };
const body = { to: '16315551000', type: 'text', text: { body: 'hello' } };
const mounted = (file: TestFile, path: string) => ['--volume', `${file.path}:${path}:ro`];

describe.skipIf(inject('lacking').containers !== null)('A container', () => {
  let simulator: RunningSimulator;
  let config: TestFile;
  let password: TestFile;

  beforeAll(async () => {
    await buildImage();
    simulator = await startSimulatorProcess();
    config = await testFile(
      'weir.yaml',
      'limits: {messages: {rate: 1, burst: 1}}\nstop: {lameDuckMs: 1500, graceMs: 40000}\n',
    );
    password = await testFile('admin-password', `${adminPassword}\n`);
  });

  afterAll(async () => {
    await simulator?.[Symbol.asyncDispose]();
    await config?.[Symbol.asyncDispose]();
    await password?.[Symbol.asyncDispose]();
  });

  /** One message a second, the admin's password in a file. */
  const start = (options: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    Container.start({
      env: {
        ...loopback,
        COREAPP_URL: simulator.url,
        WEIR_CONFIG: '/etc/weir/weir.yaml',
        WEIR_ADMIN_PASSWORD_FILE: '/run/secrets/admin-password',
        ...env,
      },
      options: [
        ...options,
        ...mounted(config, '/etc/weir/weir.yaml'),
        ...mounted(password, '/run/secrets/admin-password'),
      ],
    });

  async function caller({ url }: Serving) {
    const fields = { authorization: `Bearer ${await login(url)}`, 'content-type': 'application/json' };
    return () => ask('POST', `${url}/v1/messages`, { fields, body });
  }

  describe('with a read-only root, no capabilities, 256 MiB and a user that the image does not know', () => {
    let weir: Container;
    let at: Serving;

    beforeAll(async () => {
      weir = await start([...hostNetwork, ...hardened], { OPS_PORT: `${await freePort()}` });
      at = await weir.serving();
    });

    afterAll(async () => {
      await weir?.[Symbol.asyncDispose]();
    });

    it('has none of the rights that it is not to have', async () => {
      const status = readFileSync(`/proc/${await weir.pid()}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t20002\t20002\t/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    });

    it('is healthy', async () => {
      await weir.checkHealth();
    });

    it('lets somebody log in, and sends a message', async () => {
      const send = await caller(at);
      expect(await send()).toMatchObject({ status: 201, json: { messages: [{ id: expect.any(String) }] } });
    });

    it('gives its heap half of the memory', async () => {
      const limitMiB = (await weir.found('v8.getHeapStatistics().heap_size_limit / 2 ** 20')) as number;
      expect(limitMiB).toBeGreaterThan(100);
      expect(limitMiB).toBeLessThan(150);
    });

    it('can write to /tmp, and to nothing else that is on a disk', async () => {
      const writable =
        `fs.readFileSync('/proc/mounts', 'utf8').split('\\n').filter((line) => / (ext4|overlay|xfs|btrfs) rw/.test(line))` +
        `.map((line) => line.split(' ')[1])`;
      expect(await weir.found(writable)).toEqual(['/tmp']);
      const tried = (path: string) => `(() => { fs.writeFileSync('${path}', ''); return 'written'; })()`;
      expect(await weir.found(tried('/tmp/body'))).toBe('written');
      await expect(weir.found(tried('/weir/body'))).rejects.toThrow('EROFS');
    });

    it('told to stop, it answers whom it holds, and ends with 0', async () => {
      const send = await caller(at);
      await send();
      await simulator.configure({ overloaded: true });
      const held = [send(), send(), send()];
      await until(async () => (await inLine(at)) === 3, { what: 'three in line' });
      const stopped = weir.stop();
      await until(async () => (await ask('GET', `${at.opsUrl}/readyz`)).status === 503, { what: 'not ready' });
      await expect(weir.checkHealth()).rejects.toThrow();
      await simulator.configure({ overloaded: false });
      for (const answer of held) expect((await answer).status).toBe(201);
      expect(await stopped).toBe(0);
      expect((await weir.logs()).filter((line) => line.includes('"msg":"stopped"'))).toHaveLength(1);
    });
  });

  it('writes nothing to its own file system, even where it could', async () => {
    await using weir = await start([...hostNetwork, '--read-only-tmpfs=false']);
    const send = await caller(await weir.serving());
    expect((await send()).status).toBe(201);
    expect(await weir.stop()).toBe(0);
    // What podman itself mounts is there as an empty file or folder.
    const changed = (await podman('diff', weir.name))
      .split('\n')
      .filter((line) => !/^[ACD] \/(etc|run)(\/|$)/.test(line));
    expect(changed.filter((line) => line !== '')).toEqual([]);
  });

  it.each([
    ['of the environment', (port: number) => ({ env: { OPS_PORT: `${port}` }, text: '' })],
    ['of the file', (port: number) => ({ env: { OPS_PORT: '' }, text: `ops: {port: ${port}, host: 127.0.0.1}\n` })],
  ])('is asked for its health at the ops port %s', async (_, given) => {
    const { env, text } = given(await freePort());
    await using file = await testFile('weir.yaml', text);
    await using weir = await Container.start({
      env: { ...loopback, COREAPP_URL: simulator.url, WEIR_CONFIG: '/etc/weir/weir.yaml', ...env },
      options: [...hostNetwork, ...mounted(file, '/etc/weir/weir.yaml')],
    });
    await weir.serving();
    await weir.checkHealth();
  });

  it('is the Coreapp simulator as well', async () => {
    const port = await freePort();
    await using coreapp = await Container.start({
      args: ['simulate', '--port', `${port}`],
      options: [...hostNetwork, ...hardened],
    });
    await until(async () => (await ask('GET', `http://127.0.0.1:${port}/v1/health`)).status === 200, {
      what: 'the simulator',
    });
    expect(await coreapp.stop()).toBe(0);
  });

  it('is a sidecar: with the Coreapp on a loopback that nobody else has', async () => {
    await using coreapp = await Container.start({
      args: ['simulate', '--host', '127.0.0.1', '--port', '9090'],
      options: ['--network', 'none', ...hardened],
    });
    await using weir = await start(['--network', `container:${coreapp.name}`, ...hardened], {
      ...{ HOST: '0.0.0.0', PORT: '8080', OPS_PORT: '9464' },
      COREAPP_URL: 'http://127.0.0.1:9090',
    });
    await weir.serving();
    await weir.checkHealth();
    const caller = `(async () => {
      const post = async (path, authorization, body) =>
        (await fetch('http://127.0.0.1:8080/v1/' + path, { method: 'POST', headers: { authorization }, body })).json();
      const { users: [{ token }] } = await post('users/login', '${basic('admin', adminPassword)}');
      const { messages } = await post('messages', 'Bearer ' + token, '${JSON.stringify(body)}');
      console.log(messages.length);
    })()`;
    expect(await weir.exec('node', '-e', caller)).toBe('1');
    expect(await weir.stop()).toBe(0);
  });
});

async function inLine({ opsUrl }: Serving): Promise<number | undefined> {
  const { lines } = (await ask('GET', `${opsUrl}/status`)).json as { lines: { class: string; requests: number }[] };
  return lines.find((line) => line.class === 'messages')?.requests;
}
