/** Podman with a store of its own below .cache/deploy: nothing of the machine's own containers is seen or touched. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const cache = join(root, '.cache/deploy');

const settings = { containers: join(cache, 'containers.conf'), storage: join(cache, 'storage.conf') };
const podmanEnv = {
  ...process.env,
  CONTAINERS_CONF: settings.containers,
  CONTAINERS_STORAGE_CONF: settings.storage,
};

/** Without systemd and a daemon: control groups as files, events nowhere, locks of its own. */
const containersConf = `[containers]
default_ulimits = []
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
static_dir = "${cache}/storage/libpod"
tmp_dir = "${cache}/run/libpod"
volume_path = "${cache}/storage/volumes"
`;

/** Overlays where the kernel can lay one here, whole copies otherwise. */
export function configurePodman(): void {
  mkdirSync(cache, { recursive: true });
  writeFileSync(settings.containers, containersConf);
  for (const driver of ['overlay', 'vfs']) {
    const folders = `graphroot = "${cache}/storage"\nrunroot = "${cache}/run"\n`;
    writeFileSync(settings.storage, `[storage]\ndriver = "${driver}"\n${folders}`);
    if (spawnSync('podman', ['info'], { env: podmanEnv }).status === 0) return;
  }
  throw new Error(`podman can keep no images in ${cache}: ${podmanNow(['info']).problem}`);
}

/** For what happens before any test. */
export function podmanNow(args: readonly string[]): { readonly said: string; readonly problem: string | null } {
  const options = { env: podmanEnv, encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const { status, stdout, stderr } = spawnSync('podman', args, options);
  return { said: stdout.trim(), problem: status === 0 ? null : stderr.trim() };
}

const run = promisify(execFile);

/** It warns of health checks that no systemd runs; what fails is told all the same. */
const quietly = ['--log-level', 'fatal'];

/** What it printed. Rejects with what it complained of. */
export async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('podman', [...quietly, ...args], { env: podmanEnv, maxBuffer: 2 ** 26 });
  return stdout.trim();
}

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How it ended and all that it said, whatever that was. */
export async function podmanSaid(...args: readonly string[]): Promise<Said> {
  try {
    const { stdout, stderr } = await run('podman', [...quietly, ...args], { env: podmanEnv, maxBuffer: 2 ** 26 });
    return { code: 0, stdout: stdout.trim(), stderr: stderr.trim() };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number | string; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout.trim(), stderr: stderr.trim() };
  }
}
