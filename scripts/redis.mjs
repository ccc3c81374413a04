// Sees to a redis-server for the tests: `node scripts/redis.mjs`, and `npm test` through scripts/bootstrap.mjs.
//
// In this order: the one that REDIS_SERVER names, the one on the PATH, the one fetched before into .cache/redis; else
// Debian's package, installed as root, and unpacked into .cache/redis by anybody else. test/support/redis.ts looks in
// the same places.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../.cache/', import.meta.url));
const fetched = join(cache, 'redis', 'redis-server');
const advice =
  'Install Redis 7 or later (Debian, Ubuntu: `apt-get install redis-server`; macOS: `brew install redis`), ' +
  'or set REDIS_SERVER to the path of a redis-server.';

/** Throws one clear line when there is none and none can be had. */
export function provideRedis() {
  const named = process.env.REDIS_SERVER;
  if (named !== undefined) {
    if (runs(named)) return;
    throw new Error(
      `REDIS_SERVER is ${JSON.stringify(named)}, which does not run; a path of a redis-server would be right.`,
    );
  }
  if (runs('redis-server') || runs(fetched)) return;
  if (!runs('apt-get')) throw new Error(`the tests need a redis-server, and there is none on the PATH. ${advice}`);
  console.error("weir: fetching Debian's redis-server for the tests (once) …");
  if (process.getuid() === 0) installPackage();
  else unpackPackage();
  if (!runs('redis-server') && !runs(fetched))
    throw new Error(`the redis-server that was fetched does not run. ${advice}`);
}

function runs(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function installPackage() {
  // The tests start their own servers: in run level 1 Debian's scripts don't start one for the whole machine.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  apt(['-o', 'DPkg::Lock::Timeout=600', 'update'], env);
  apt(['-o', 'DPkg::Lock::Timeout=600', 'install', '-y', '--no-install-recommends', 'redis-server'], env);
}

/** Without root: apt with folders of its own works out which packages are missing, dpkg unpacks them. */
function unpackPackage() {
  const apart = join(cache, 'apt');
  const target = join(cache, 'redis.new');
  rmSync(target, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(apart, folder), { recursive: true });
  mkdirSync(target, { recursive: true });
  const own = [
    ['Dir::State::lists', join(apart, 'lists')],
    ['Dir::Cache', apart],
    ['Debug::NoLocking', 'true'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  apt([...own, 'update']);
  apt([...own, 'install', '-y', '--download-only', '--no-install-recommends', 'redis-server', 'redis-tools']);
  for (const file of readdirSync(join(apart, 'archives')).filter((name) => name.endsWith('.deb'))) {
    run('dpkg', ['-x', join(apart, 'archives', file), target]);
  }
  writeStarter(target);
  rmSync(join(cache, 'redis'), { recursive: true, force: true });
  renameSync(target, join(cache, 'redis'));
  rmSync(apart, { recursive: true, force: true });
}

/** A redis-server that finds the libraries it came with. It becomes the server itself, so its pid is the server's. */
function writeStarter(target) {
  if (!existsSync(join(target, 'usr/bin/redis-server'))) throw new Error(`apt-get brought no redis-server. ${advice}`);
  const starter = join(target, 'redis-server');
  writeFileSync(
    starter,
    `#!/bin/sh
here=$(dirname "$0")
for folder in "$here"/usr/lib/*-linux-gnu* "$here"/lib/*-linux-gnu*; do
  LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
done
export LD_LIBRARY_PATH
exec "$here/usr/bin/redis-server" "$@"
`,
  );
  chmodSync(starter, 0o755);
}

function apt(args, env = process.env) {
  run('apt-get', ['-q', ...args], env);
}

/** Says nothing unless it fails. */
function run(command, args, env = process.env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  throw new Error(
    `${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`.trim()}\nweir: ${advice}`,
  );
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    provideRedis();
  } catch (error) {
    console.error(`weir: ${error.message}`);
    process.exitCode = 1;
  }
}
