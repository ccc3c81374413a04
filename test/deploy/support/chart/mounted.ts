/** A Pod's files without a cluster: what its volumes hold, in a folder, and its environment, led there. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createAuthority } from '../../../support/certificates.ts';
import { configOf, type Manifest, podsOf } from './manifests.ts';

interface Mounted extends AsyncDisposable {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

const contents: Readonly<Record<string, string>> = {
  REDIS_URL_FILE: 'redis://redis:6379/0',
  WEIR_ADMIN_PASSWORD_FILE: 'Weir-2026!',
  WA_API_KEY_FILE: 'monitoring-key',
};

/** Only what is mounted is there. `without`: names of variables whose file is missing, as when the Secret has no such key. */
export async function mounted(manifests: readonly Manifest[], without: readonly string[] = []): Promise<Mounted> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-mounted-'));
  const container = podsOf(manifests)
    .flatMap(({ spec }) => spec.containers as Container[])
    .find(({ name }) => name === 'weir');
  if (container === undefined) throw new Error('no Pod has a container weir');
  const config = configOf(manifests).replaceAll('/etc/weir/', `${folder}/etc/weir/`);
  const env = Object.fromEntries(
    container.env.map(({ name, value }) => [name, value.replace(/^\/etc\/weir\//, `${folder}$&`)]),
  );
  const write = async (path: string, text: string): Promise<void> => {
    const mount = container.volumeMounts.find(({ mountPath }) => dirname(path) === `${folder}${mountPath}`);
    if (mount === undefined) throw new Error(`${path} is in no folder that is mounted`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  await write(env['WEIR_CONFIG'] as string, config);
  for (const [name, text] of Object.entries(contents)) {
    const path = env[name];
    if (path !== undefined && !without.includes(name))
      await write(path, name === 'REDIS_URL_FILE' ? urlFor(config) : text);
  }
  for (const [path, text] of filesNamedIn(config)) await write(path, text);
  return { folder, env, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

const urlFor = (config: string): string =>
  config.includes('/tls/redis/') ? 'rediss://redis:6379/0' : 'redis://redis:6379/0';

/** The files that the configuration names, with what should be in them. */
function filesNamedIn(config: string): [path: string, text: string][] {
  const authority = createAuthority('an authority');
  const certificate = authority.issue('weir', ['weir.example.com']);
  return [...config.matchAll(/^\s+(\w+File): (\S+)$/gm)].map(([, setting = '', path = '']) => {
    if (setting === 'passwordFile') return [path, 'a password'];
    if (setting === 'authorizationFile') return [path, 'Bearer coreapp'];
    if (/ca/i.test(basename(path))) return [path, authority.cert];
    return [path, setting === 'keyFile' ? certificate.key : certificate.cert];
  });
}
