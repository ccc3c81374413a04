/** The image of Weir, built by its Dockerfile from the files as they are now; podman's layers make a second time quick. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseName } from './base.ts';
import { podman, root } from './podman.ts';

export const image = 'localhost/weir:test';

export const buildArguments = {
  VERSION: '0.1.0-test',
  REVISION: '0123abc',
  SOURCE: 'https://git.example/weir',
} as const;

export async function buildImage(): Promise<void> {
  await build(image, root);
}

/** The image of a version that is to come: the same sources under another version. */
export async function buildNextImage(tag: string, version: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-next-'));
  try {
    for (const path of (await readFile(join(root, '.dockerignore'), 'utf8')).matchAll(/^!(.+)$/gm)) {
      await cp(join(root, path[1] as string), join(folder, path[1] as string), { recursive: true });
    }
    await cp(join(root, 'Dockerfile'), join(folder, 'Dockerfile'));
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }));
    await build(tag, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function build(tag: string, folder: string): Promise<void> {
  const given = Object.entries({ ...buildArguments, NODE_IMAGE: baseName() });
  const args = given.flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const how = ['--isolation', 'chroot', '--pull-never', '--format', 'docker'];
  await podman('build', ...how, ...args, '--tag', tag, folder);
}

interface ImageFacts {
  readonly bytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
}

export async function imageFacts(): Promise<ImageFacts> {
  const [found] = JSON.parse(await podman('image', 'inspect', image)) as [
    { Size: number; Labels: Record<string, string>; User: string },
  ];
  return { bytes: found.Size, labels: found.Labels, user: found.User };
}
