/** The container image, built by its Dockerfile and run as it should be: with everything forbidden that it does not need. */
import { execFile } from 'node:child_process';
import { constants, readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { until } from '../support/until.ts';
import { type RunningSimulator, startSimulatorProcess } from '../support/weir.ts';
import { Container, hardened, hostNetwork, runContainer } from './support/container.ts';
import { buildArguments, buildImage, imageFacts } from './support/image.ts';
import { root } from './support/podman.ts';

const MB = 1_000_000;
const loopback = { HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0' };

const linesOf = (text: string): string[] => text.split('\n');

describe.skipIf(inject('lacking').containers !== null)('The image', () => {
  let simulator: RunningSimulator;

  beforeAll(async () => {
    await buildImage();
    simulator = await startSimulatorProcess();
  });

  afterAll(async () => {
    await simulator?.[Symbol.asyncDispose]();
  });

  describe('as it is delivered', () => {
    it('is smaller than 250 MB, says where it comes from, and runs as a number that is not root', async () => {
      const { bytes, labels, user } = await imageFacts();
      expect(bytes).toBeLessThan(250 * MB);
      expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(labels).toMatchObject({
        'org.opencontainers.image.title': 'weir',
        'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.version': buildArguments.VERSION,
        'org.opencontainers.image.revision': buildArguments.REVISION,
        'org.opencontainers.image.source': buildArguments.SOURCE,
      });
    });

    it('brings the packages that production needs and no other: no Node of npm’s, no npm, no shell', async () => {
      const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
        packages: Record<string, { dev?: true; optional?: true }>;
      };
      const needed = Object.keys(packages).filter(
        (path) => path !== '' && !packages[path]?.dev && !packages[path]?.optional,
      );
      await using container = await Container.start({ args: ['simulate', '--port', '0'] });
      const listed = `fs.globSync('node_modules/{*,@*/*}/package.json').map((path) => path.replace('/package.json', ''))`;
      expect(new Set((await container.found(listed)) as string[])).toEqual(new Set(needed));
      const programs = `['/bin/sh', '/usr/bin/env', '/usr/local/bin/npm'].filter((path) => fs.existsSync(path))`;
      expect(await container.found(programs)).toEqual([]);
    });

    it('tells its version, and refuses what it can’t do in one line', async () => {
      expect(await runContainer({ args: ['--version'] })).toMatchObject({ code: 0, stdout: '0.1.0' });
      const { code, stderr } = await runContainer({ args: ['serv'] });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^weir: unknown command "serv"; .*$/m);
    });
  });

  describe('started', () => {
    it('is ready, and says how soon: a second is the aim (docs/how-to/release.md)', async () => {
      await using container = await Container.start({
        env: { ...loopback, COREAPP_URL: simulator.url },
        options: [...hostNetwork, ...hardened],
      });
      console.log(`weir: the container was ready after ${Math.round(await container.startMs())} ms`);
      const { opsUrl } = await container.serving();
      expect((await ask('GET', `${opsUrl}/readyz`)).status).toBe(200);
    });

    it('and told to stop before it serves, it stops: a first process has no default actions', async () => {
      await using config = await testFile('weir.yaml', '');
      await rm(config.path);
      await promisify(execFile)('mkfifo', [config.path]);
      await using container = await Container.start({
        env: { ...loopback, COREAPP_URL: simulator.url, WEIR_CONFIG: '/etc/weir.yaml' },
        options: [...hostNetwork, '--volume', `${config.path}:/etc/weir.yaml`],
      });
      // Opens as soon as somebody reads; who reads waits until there is something.
      const opened = () => open(config.path, constants.O_WRONLY | constants.O_NONBLOCK);
      const pipe = await until(opened, { what: 'it to read its configuration' });
      process.kill(await container.pid(), 'SIGTERM');
      await pipe.writeFile('stop: {lameDuckMs: 0}\n');
      await pipe.close();
      expect(await container.ended()).toBe(0);
    });

    it('without its Coreapp, it says so in one line and ends', async () => {
      const { code, stderr } = await runContainer({ env: loopback });
      expect(code).toBe(1);
      expect(linesOf(stderr)).toEqual([expect.stringMatching(/^coreapp\.url: .* or in COREAPP_URL$/)]);
    });

    it('without the file of a secret, it says in one line which, and ends', async () => {
      const env = { ...loopback, COREAPP_URL: simulator.url, WEIR_ADMIN_PASSWORD_FILE: '/run/secrets/admin-password' };
      const { code, stderr } = await runContainer({ env, options: [...hostNetwork, ...hardened] });
      expect(code).toBe(1);
      expect(linesOf(stderr)).toEqual([
        expect.stringMatching(
          /^WEIR_ADMIN_PASSWORD_FILE: "\/run\/secrets\/admin-password" cannot be read \(no such file\); give .*/,
        ),
      ]);
    });
  });
});
