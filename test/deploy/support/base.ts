/**
 * A stand-in for the image that the Dockerfile starts from, where no registry of images can be reached: Debian by
 * debootstrap, the Node that runs the tests, npm from npm. It is built once and has the name that FROM asks for.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onMachine } from '../../support/machine.ts';
import { cache, podmanNow, root } from './podman.ts';

const npmVersion = '11.6.2';
const packages = ['ca-certificates', 'libatomic1', 'libstdc++6'];
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** The default of the Dockerfile's ARG. */
export function baseName(): string {
  const found = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  if (found?.[1] === undefined) throw new Error('Dockerfile: ARG NODE_IMAGE has no default.');
  return found[1];
}

export function provideBase(): void {
  const name = baseName();
  const source = readFileSync(new URL(import.meta.url), 'utf8');
  const key = createHash('sha256').update(`${source}\n${process.version}\n${process.arch}`).digest('hex');
  const present = podmanNow(['image', 'inspect', '--format', '{{index .Labels "weir.base"}}', name]);
  if (present.said === key) return;
  console.log(`weir: building a stand-in for ${name} from Debian's packages (once) …`);
  const folder = join(cache, 'base');
  rmSync(folder, { recursive: true, force: true });
  try {
    layOut(folder);
    const archive = join(cache, 'base.tar');
    onMachine('tar', '-C', folder, '-cf', archive, '.');
    const imported = podmanNow(['import', '-q', '--change', `LABEL weir.base=${key}`, archive, name]);
    rmSync(archive);
    if (imported.problem !== null) throw new Error(`podman import failed: ${imported.problem}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function layOut(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { mirror, release } = debian();
  onMachine('debootstrap', '--variant=minbase', `--include=${packages}`, release, folder, mirror);
  rmSync(join(folder, 'var/cache/apt/archives'), { recursive: true });
  const local = join(folder, 'usr/local');
  copyFileSync(process.execPath, join(local, 'bin/node'));
  onMachine('npm', 'install', '--silent', '--no-save', '--prefix', join(cache, 'npm'), `npm@${npmVersion}`);
  cpSync(join(cache, 'npm/node_modules/npm'), join(local, 'lib/node_modules/npm'), { recursive: true });
  rmSync(join(cache, 'npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  onMachine('chroot', folder, 'groupadd', '--gid', '1000', 'node');
  onMachine('chroot', folder, 'useradd', '--uid', '1000', '--gid', 'node', '--create-home', 'node');
  // Where this machine gets its packages, and whom it trusts for that, holds for the build of the image as well.
  const registry = onMachine('npm', 'config', 'get', 'registry').trim();
  mkdirSync(join(local, 'etc'), { recursive: true });
  writeFileSync(join(local, 'etc/npmrc'), `registry=${registry}\ncafile=${certificates}\n`);
  if (existsSync(certificates)) copyFileSync(certificates, folder + certificates);
}

/** This machine's own Debian, from where it gets it. */
function debian(): { readonly mirror: string; readonly release: string } {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
  const targets = onMachine('apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)');
  const found = targets.split('\n').find((line) => line.endsWith(` ${release} main`));
  return { release, mirror: found?.split(' ')[0] ?? 'http://deb.debian.org/debian' };
}
