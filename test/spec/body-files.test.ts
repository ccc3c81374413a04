/** The folder for large bodies: Weir's own, private, shared by Weirs that don't meet, and told about when it won't do. */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openBodyFiles } from '../../src/adapters/node/body-files.ts';
import type { BodyFile } from '../../src/exchange/bodies.ts';
import { temporaryFolder } from '../support/files.ts';
import { notApplicable } from '../support/not-applicable.ts';
import { contentOf } from '../support/scripted-disk.ts';

const uid = process.getuid?.();
let parent: string;
let failures: (string | undefined)[];

beforeEach(() => {
  parent = temporaryFolder(onTestFinished);
  failures = [];
});

const opened = () => openBodyFiles(parent, ({ code }) => void failures.push(code));
const own = () => join(parent, `weir-${uid}`);
const closed = (file: BodyFile) => new Promise<void>((resolve) => file.close(resolve));

describe('a file for a body', () => {
  it('gives back what was written, as often as it is asked; two of them don’t meet', async () => {
    const [weir, neighbour] = [await opened(), await opened()];
    const files = [weir.create(), neighbour.create()] as const;
    for (const text of ['one', 'two']) {
      for (const file of files) expect(await file.append(Buffer.from(text + file.bytes))).toBe(true);
    }
    for (const file of files) {
      expect(await contentOf(file, 3)).toEqual(Buffer.from('one0two4'));
      expect(await contentOf(file)).toEqual(Buffer.from('one0two4'));
      expect(file.bytes).toBe(8);
    }
    await Promise.all(files.map(closed));
    expect(failures).toEqual([]);
  });

  it('has no name, in a folder that nobody else can look into', async () => {
    const file = (await opened()).create();
    await file.append(Buffer.from('x'));
    expect(readdirSync(own())).toEqual([]);
    expect(statSync(own()).mode & 0o777).toBe(0o700);
    await closed(file);
  });

  it('closes when what goes on in it has ended; what is asked of it later fails, and is nobody’s fault', async () => {
    const file = (await opened()).create();
    const writing = file.append(Buffer.alloc(1_000_000));
    await closed(file);
    expect(typeof (await writing)).toBe('boolean');
    expect(await file.append(Buffer.from('x'))).toBe(false);
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toThrow();
    expect(failures).toEqual([]);
  });

  it('that nothing was ever written to closes as well', async () => {
    await closed((await opened()).create());
    expect(failures).toEqual([]);
  });

  it('says no when the disk fails, and with what', async () => {
    const files = await opened();
    rmSync(parent, { recursive: true });
    const file = files.create();
    expect(await file.append(Buffer.from('x'))).toBe(false);
    expect(failures).toEqual(['ENOENT']);
    await closed(file);
    mkdirSync(parent);
  });
});

describe('at the start', () => {
  it('names that a crash has left are removed, and a neighbour’s open file is not hurt', async () => {
    const neighbour = (await opened()).create();
    await neighbour.append(Buffer.from('kept'));
    writeFileSync(join(own(), `weir-body-${randomUUID()}`), '');
    await opened();
    expect(readdirSync(own())).toEqual([]);
    expect(await contentOf(neighbour)).toEqual(Buffer.from('kept'));
    await closed(neighbour);
  });

  it('what Weir did not make is left as it is: files, folders, links and what they lead to', async () => {
    const elsewhere = join(parent, 'elsewhere');
    writeFileSync(elsewhere, 'kept', { mode: 0o644 });
    mkdirSync(own());
    const ours = `weir-body-${randomUUID()}`;
    for (const name of ['notes.txt', randomUUID(), `${ours}.bak`, `x${ours}`, `weir-body-${'A'.repeat(36)}`]) {
      writeFileSync(join(own(), name), 'kept');
    }
    mkdirSync(join(own(), 'folder'));
    mkdirSync(join(own(), `weir-body-${randomUUID()}`));
    symlinkSync(elsewhere, join(own(), `weir-body-${randomUUID()}`));
    const before = readdirSync(own()).sort();
    writeFileSync(join(own(), ours), '');
    await opened();
    expect(readdirSync(own()).sort()).toEqual(before);
    expect(readFileSync(elsewhere, 'utf8')).toBe('kept');
    expect(statSync(elsewhere).mode & 0o777).toBe(0o644);
  });

  it('a link in the place of the folder is refused, and what it leads to is not touched', async () => {
    const target = join(parent, 'target');
    mkdirSync(target);
    chmodSync(target, 0o755);
    const file = join(target, `weir-body-${randomUUID()}`);
    writeFileSync(file, 'kept');
    symlinkSync(target, own());
    await expect(opened()).rejects.toThrow(notOurs('is a symbolic link, which Weir does not follow'));
    expect(statSync(target).mode & 0o777).toBe(0o755);
    expect(readFileSync(file, 'utf8')).toBe('kept');
    rmSync(target, { recursive: true });
    await expect(opened()).rejects.toThrow(notOurs('is a symbolic link, which Weir does not follow'));
  });

  it('a link that takes its place later is not followed either', async () => {
    const weir = await opened();
    const target = join(parent, 'target');
    mkdirSync(target, { mode: 0o755 });
    rmSync(own(), { recursive: true });
    symlinkSync(join(target, 'missing'), own());
    const file = weir.create();
    expect(await file.append(Buffer.from('x'))).toBe(false);
    expect(readdirSync(target)).toEqual([]);
    await closed(file);
  });

  it('a folder that others could look into is closed to them', async () => {
    mkdirSync(own());
    chmodSync(own(), 0o777);
    await opened();
    expect(statSync(own()).mode & 0o777).toBe(0o700);
  });

  const refused = (reason: string) =>
    `${parent} can't be used for bodies above bodies.memoryMaxBytes (${reason}); give a folder that can be written to, such as a mounted volume`;

  const notOurs = (what: string) =>
    `${own()} ${what}; remove it, or set bodies.folder to another place for Weir's folder`;

  it.each<[string, () => void, told: () => string]>([
    ['there is no such folder', () => rmSync(parent, { recursive: true }), () => refused('ENOENT')],
    ['something else has its name', () => writeFileSync(own(), ''), () => notOurs('is not a folder')],
  ])('it is refused with one line: %s', async (_, prepare, told) => {
    prepare();
    await expect(opened()).rejects.toThrow(told());
    if (!existsSync(parent)) mkdirSync(parent);
  });

  it('it is refused where it is another user’s', async (context) => {
    if (uid !== 0) notApplicable(context, 'only root can give a folder away');
    mkdirSync(own());
    chownSync(own(), 12_345, 12_345);
    await expect(opened()).rejects.toThrow(notOurs('belongs to another user (id 12345)'));
  });
});
