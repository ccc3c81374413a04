/** What the tests of deployment, and of the page, need of a machine: Debian, and root to install and run what is missing. */
import { spawnSync } from 'node:child_process';

interface Need {
  /** Exits with 0 where it is there. */
  readonly probe: readonly [program: string, ...args: string[]];
  /** The package of Debian that brings it. */
  readonly package: string;
}

const forContainers: readonly Need[] = [
  { probe: ['podman', '--version'], package: 'podman' },
  { probe: ['runc', '--version'], package: 'runc' },
  // Podman only recommends it, and starts no pod without it.
  { probe: ['catatonit', '--version'], package: 'catatonit' },
  { probe: ['debootstrap', '--version'], package: 'debootstrap' },
];

const forPrometheus: readonly Need[] = [
  { probe: ['promtool', '--version'], package: 'prometheus' },
  { probe: ['/usr/bin/python3', '-c', 'import prometheus_client.openmetrics'], package: 'python3-prometheus-client' },
];

const forSystemd: readonly Need[] = [
  { probe: ['systemd-notify', '--version'], package: 'systemd' },
  { probe: ['systemd-analyze', '--version'], package: 'systemd' },
  { probe: ['/usr/bin/python3', '--version'], package: 'python3' },
];

const forBrowser: readonly Need[] = [{ probe: ['/usr/bin/chromium', '--version'], package: 'chromium' }];

export interface Lacking {
  /** Why this machine runs no containers; null: it can. */
  readonly containers: string | null;
  /** Why it has no Prometheus; null: it has. */
  readonly prometheus: string | null;
  /** Why it has none of systemd's tools; null: it has. */
  readonly systemd: string | null;
}

/** Installs what is missing. Throws where that is possible and fails: only what is impossible may be skipped. */
export function provideMachine(): Lacking {
  const forContainersHere = process.platform === 'linux' && isRoot ? forContainers : [];
  provide([...forContainersHere, ...forPrometheus, ...forSystemd]);
  return { containers: noContainers(), prometheus: lacking(forPrometheus), systemd: lacking(forSystemd) };
}

/** Why this machine has no browser; null: it has. */
export function provideBrowser(): string | null {
  provide(forBrowser);
  return lacking(forBrowser);
}

const isRoot = process.getuid?.() === 0;

function provide(needs: readonly Need[]): void {
  if (!isRoot || !runs('apt-get', '--version')) return;
  const missing = () => needs.filter((need) => !isThere(need));
  install([...new Set(missing().map((need) => need.package))]);
  const useless = missing().map((need) => need.probe.join(' '));
  if (useless.length > 0) throw new Error(`what is installed does not run: ${useless.join(', ')}`);
}

function noContainers(): string | null {
  if (process.platform !== 'linux') return `they need Linux, and this is ${process.platform}`;
  return isRoot ? lacking(forContainers) : 'they need root';
}

function lacking(needs: readonly Need[]): string | null {
  const programs = needs.filter((need) => !isThere(need)).map((need) => need.probe[0]);
  if (programs.length === 0) return null;
  return `there is no ${programs.join(', no ')}, and no apt-get with the right to install it`;
}

function install(packages: readonly string[]): void {
  if (packages.length === 0) return;
  console.log(`weir: installing Debian's ${packages.join(', ')} for the tests (once) …`);
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
}

function apt(...args: readonly string[]): void {
  // In run level 1 Debian's scripts start no service for the whole machine.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const all = ['-q', '-o', 'DPkg::Lock::Timeout=600', ...args];
  const { status, stdout, stderr } = spawnSync('apt-get', all, { env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed: ${stdout}${stderr}`);
}

const isThere = ({ probe: [program, ...args] }: Need): boolean => runs(program, ...args);

function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
