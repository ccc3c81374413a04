/** What `npm pack` makes: installed where nothing of the repository is, it serves. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { onMachine } from '../support/machine.ts';
import { startProcess } from '../support/processes.ts';
import { login, postMessage, startSimulatorProcess, startWeir } from '../support/weir.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the package, installed globally', () => {
  const cwd = temporaryFolder(afterAll);
  let script: string;
  let tarball: string;

  beforeAll(async () => {
    tarball = onMachine('npm', 'pack', root, '--silent', '--pack-destination', cwd).trim();
    onMachine('npm', 'install', '--global', '--prefer-offline', '--prefix', cwd, join(cwd, tarball));
    script = join(cwd, 'bin/weir');
  });

  it('has what runs, without types, and brings no Node', async () => {
    const folder = join(cwd, 'lib/node_modules/weir');
    const own = ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'config', 'dist', 'package.json', 'packaging'];
    expect((await readdir(folder)).toSorted()).toEqual([...own, 'node_modules'].toSorted());
    expect((await readdir(join(folder, 'dist'), { recursive: true })).filter((path) => path.endsWith('.ts'))).toEqual(
      [],
    );
    const packages = await readdir(join(folder, 'node_modules'));
    expect(packages).toContain('http-proxy-3');
    expect(packages).not.toContain('undici');
    expect(packages.filter((name) => name.startsWith('node-'))).toEqual([]);
  });

  it('is as large as its page says', async () => {
    const folder = join(cwd, 'lib/node_modules/weir');
    const files = (await readdir(folder, { recursive: true })).map((path) => stat(join(folder, path)));
    const installed = (await Promise.all(files)).reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0);
    const packed = (await stat(join(cwd, tarball))).size;
    const page = await readFile(join(root, 'docs/how-to/install-the-package.md'), 'utf8');
    const [told = 0, toldInstalled = 0] = [...page.matchAll(/([\d.]+) MB/g)].map(([, megabytes]) => Number(megabytes));
    // To a fifth, so that not every change is one of the page.
    for (const ratio of [packed / 1e6 / told, installed / 1e6 / toldInstalled])
      expect(Math.abs(ratio - 1)).toBeLessThan(0.2);
  });

  it('tells its version', async () => {
    await using child = startProcess(['--version'], { script, cwd });
    expect((await child.exited).code).toBe(0);
    expect(tarball).toBe(`weir-${child.stdout.join()}.tgz`);
  });

  it('sends a message to its own simulator, by the configuration that it brings', async () => {
    await using simulator = await startSimulatorProcess([], { script, cwd });
    await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: '' }, { script, cwd });
    expect(weir.process.stderr.join('\n')).toContain(join('node_modules/weir/config/weir.yaml'));
    const pool = new Pool(weir.url);
    expect(await postMessage(pool, await login(weir.url), 'packed')).toBe(201);
    await pool.close();
    expect((await simulator.actedOn('packed')).times).toBe(1);
  });
});
