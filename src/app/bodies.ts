/** Where large bodies go, and what an operator is told about it. */
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { FolderUnfit, openBodyFiles } from '../adapters/node/body-files.ts';
import { AnswerBudget } from '../bodies/answers.ts';
import { DiskBudget } from '../bodies/disk.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/ports.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import { seldom } from './seldom.ts';
import { StartError } from './start-error.ts';

export interface Bodies {
  readonly disk: DiskBudget;
  readonly answers: AnswerBudget;
  snapshot(): Pick<Snapshot, 'answers' | 'disk'>;
  close(): Promise<void>;
}

/** The file system type of Linux's `tmpfs` (statfs(2)). */
const tmpfs = 0x0102_1994;

/**
 * Rejects with a `StartError` where the folder can't be written to. Whether there are files at all follows from the
 * limits of the start: a reload that lets a class take larger bodies than memory does has to open them first.
 */
export async function openBodies({ bodies, limits }: Config, clock: Clock, log: Log): Promise<Bodies> {
  const allSmall = Object.values(limits).every(({ bodyMaxBytes }) => bodyMaxBytes <= bodies.memoryMaxBytes);
  if (allSmall) {
    const disk = new DiskBudget(bodies, noFiles);
    const answers = new AnswerBudget({ ...bodies, answersDiskShareMax: 0 }, disk);
    return { disk, answers, snapshot: () => snapshotOf(disk, answers), close: () => Promise.resolve() };
  }
  // A disk that is full fails every large body.
  const failed = seldom(clock, ({ code, message }: NodeJS.ErrnoException) =>
    log.error('bodies: the disk fails; large ones are refused', { folder: files.folder, reason: code ?? message }),
  );
  const files = await openBodyFiles(bodies.folder ?? tmpdir(), failed).catch((error: unknown) => {
    throw error instanceof FolderUnfit ? new StartError('bodies.folder', error.message, error) : error;
  });
  await noteOn(files.folder, bodies.diskMaxBytes, log);
  const disk = new DiskBudget(bodies, () => files.create());
  const answers = new AnswerBudget(bodies, disk);
  return { disk, answers, snapshot: () => snapshotOf(disk, answers), close: () => files.close() };
}

function snapshotOf(disk: DiskBudget, answers: AnswerBudget): Pick<Snapshot, 'answers' | 'disk'> {
  return { answers: answers.snapshot(), disk: disk.snapshot() };
}

function noFiles(): never {
  throw new Error('No class takes a body that is too large for memory.');
}

/** What is allowed, and still worth knowing. */
async function noteOn(folder: string, diskMaxBytes: number, log: Log): Promise<void> {
  const { type, bavail, bsize } = await statfs(folder);
  if (type === tmpfs) log.warn('bodies.folder is in memory (tmpfs): bodies.diskMaxBytes counts as memory', { folder });
  const freeBytes = bavail * bsize;
  if (freeBytes < diskMaxBytes) {
    log.warn('bodies.folder has less room than bodies.diskMaxBytes', { folder, freeBytes, diskMaxBytes });
  }
}
