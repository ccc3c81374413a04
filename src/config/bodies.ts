/**
 * The settings under `bodies`: which go to files, where, and how much of the disk they may take; the same for answers.
 */
import { z } from 'zod';
import { filePath, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

export const bodies = section({
  memoryMaxBytes: setting(whole(16_384, 2 ** 30).default(65_536), {
    description:
      'The largest request body that is kept in memory; a larger one goes to a file. Where no class takes larger ones, there are no files.',
  }),
  folder: setting(filePath().nullable().default(null), {
    description:
      'Where Weir makes its folder for them: on a disk, not in memory. Not set: the folder for temporary files (TMPDIR). Where it can’t be written to, Weir does not start.',
    wanted: 'the path of a folder that can be written to',
  }),
  diskMaxBytes: setting(whole(0, 2 ** 40).default(2 * 2 ** 30), {
    description: 'Most bytes in these files, over all classes. Without room a body is refused with 503.',
  }),
  filesMax: setting(whole(1, 1_000_000).default(1_000), {
    description: 'Most of these files at a time; each takes a descriptor (open files) while its request lasts.',
  }),
  callerFilesMax: setting(whole(1, 1_000_000).default(500), {
    description:
      'Most of them for one user that is alone. Beside others it has the same part of what they leave, of these files and of diskMaxBytes, and always one file. At filesMax or above one may have all of them.',
  }),
  answersMemoryMaxBytes: setting(whole(0, 64 * 2 ** 30).default(64 * 2 ** 20), {
    description:
      'Most bytes of answers that wait in memory for callers who take them slowly, so that the Coreapp need not wait; of one answer memoryMaxBytes, and the rest goes to a file, which is read in pieces of at most 256 KiB. Without room the Coreapp is read no faster than the caller takes.',
  }),
  answersDiskShareMax: setting(z.number().min(0).max(1).default(0.25), {
    description: 'The part of diskMaxBytes and filesMax that such answers may take. 0: they never go to files.',
  }),
  answersCallerShareMax: setting(z.number().min(0.01).max(1).default(0.5), {
    description:
      'What one user may have of what others leave of answersMemoryMaxBytes and of that part of the disk. 1: one may take all.',
  }),
});
