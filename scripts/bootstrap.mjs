// Makes a fresh clone usable before an npm script runs: `node scripts/bootstrap.mjs [redis]`.
//
// Plain JavaScript for Node 18 and later, since it runs before the Node that npm brings along is there. It installs
// the packages unless exactly those of the lock file are there, puts a Node which can run the sources first on the PATH
// of npm scripts, and with `redis` sees to a redis-server.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const windows = process.platform === 'win32';

try {
  if (!isInstalled()) installPackages();
  provideNode();
  if (process.argv.includes('redis')) (await import('./redis.mjs')).provideRedis();
} catch (error) {
  console.error(`weir: ${error.message}`);
  process.exitCode = 1;
}

/** Compares what npm says it has installed with the lock file; times of files say nothing after a `git checkout`. */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (present === null) return false;
  delete wanted[''];
  const isPresent = ([path, { version, integrity, optional }]) => {
    const found = present[path];
    if (found === undefined) return optional === true; // Other platforms' binaries.
    return found.version === version && found.integrity === integrity;
  };
  return Object.entries(wanted).every(isPresent) && Object.keys(present).every((path) => path in wanted);
}

function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(root + lockFile, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw new Error(`${lockFile} can't be read: ${error.message}`);
  }
}

function installPackages() {
  console.error('weir: installing the packages of package-lock.json (once) …');
  npmCi(root);
}

function npmCi(folder) {
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
  // npm_execpath is the npm that runs this script; without it this was started by hand.
  const npm = process.env.npm_execpath;
  const run = { cwd: folder, stdio: ['ignore', 2, 2] };
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], run)
    : spawnSync('npm', args, { ...run, shell: windows });
  if (error !== undefined) throw new Error(`npm could not be started: ${error.message}`);
  if (status !== 0) throw new Error('npm ci failed, see above.');
}

/**
 * npm puts node_modules/.bin first on the PATH of scripts. The Node in there is the one of scripts/node, where there is one
 * for this platform, else the machine's own has to do. It is no dependency of Weir's: whoever installs the package has a Node.
 */
function provideNode() {
  const own = `${root}node_modules/.bin/node`;
  const name = `node-${process.platform}-${process.arch}`;
  const wanted = readJson('scripts/node/package.json').optionalDependencies[name];
  if (wanted !== undefined && versionOf(own) !== wanted) bringNode(name, wanted, own);
  const brought = versionOf(own);
  if (brought !== null && isEnough(brought)) return;
  // One that is there and does not run (built for another libc) would only stand in the way.
  if (brought === null) rmSync(own, { force: true });
  if (isEnough(process.versions.node)) return;
  throw new Error(
    `this is Node ${process.versions.node}, and npm has no Node for ${process.platform}-${process.arch} here. ` +
      `Install Node ${leastNode()} or later (26 is recommended): https://nodejs.org/en/download`,
  );
}

/** Linked by hand: npm 10 and earlier take the link away again with the package of the other platform. */
function bringNode(name, wanted, link) {
  const folder = `.cache/node/node_modules/${name}/`;
  if (!existsSync(`${root}${folder}bin/node`) || readJson(`${folder}package.json`).version !== wanted) {
    console.error(`weir: installing Node ${wanted} for npm's scripts (once) …`);
    cpSync(`${root}scripts/node`, `${root}.cache/node`, { recursive: true });
    npmCi(`${root}.cache/node`);
  }
  rmSync(link, { force: true });
  symlinkSync(`../../${folder}bin/node`, link);
}

/** `engines` of package.json is the one place that says so: `>=MAJOR.MINOR`. */
function leastNode() {
  return readJson('package.json').engines.node.replace('>=', '');
}

function readJson(path) {
  return JSON.parse(readFileSync(root + path, 'utf8'));
}

function versionOf(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().slice(1) : null;
}

function isEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor = 0] = leastNode().split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
