/** The file that lines are appended to. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** Its owner writes, and its group (that of whoever collects logs) may read it. */
const mode = 0o640;

const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = constants;

/** Why lines can't go to a file: what is wrong, and what would be right. */
export class LogFileProblem extends Error {}

/** Opens it to append to, and makes it if it is not there. Throws a `LogFileProblem`. */
export function openLogFile(path: string): number {
  let fd: number;
  try {
    // A pipe without a reader would never be opened otherwise; whether it is one shows afterwards.
    fd = openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK, mode);
  } catch (error) {
    throw new LogFileProblem(whyNot(path, error as NodeJS.ErrnoException), { cause: error });
  }
  const stat = fstatSync(fd);
  if (stat.isFile() || stat.isCharacterDevice()) return fd;
  closeSync(fd);
  throw new LogFileProblem(`${path} is no regular file; give the path of one`);
}

function whyNot(path: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return `${path} can’t be made, since its folder is not there; make the folder, or give another path`;
    case 'EACCES':
    case 'EROFS':
      return `${path} can’t be written to (${code}); have its folder belong to the user that Weir runs as`;
    case 'EISDIR':
      return `${path} is a folder; give the path of a file in it`;
    case 'ENXIO':
      return `${path} is no regular file; give the path of one`;
    default:
      return `${path} can’t be opened (${code ?? message}); give the path of a file that can`;
  }
}
