/** Notices that files may have changed. */

import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

export interface FileWatch {
  close(): void;
}

/** What comes together is looked at together: a certificate and its key are two files. Milliseconds. */
const settleMs = 200;
/** For changes that no event tells: on network file systems, behind links to other folders, in a folder made anew. */
const lookAgainMs = 60_000;

/**
 * Calls `look` soon after something happened in the folders of the files, and once a minute. Folders, since a file that
 * is replaced is another file: editors and certbot rename, Kubernetes swaps the link `..data` that its files lie
 * behind.
 */
export function watchFiles(paths: readonly string[], look: () => void): FileWatch {
  let settling: NodeJS.Timeout | null = null;
  const soon = (): void => {
    settling ??= setTimeout(() => {
      settling = null;
      look();
    }, settleMs);
  };
  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((folder) => watched(folder, soon));
  const again = setInterval(look, lookAgainMs).unref();
  return {
    close() {
      clearInterval(again);
      if (settling !== null) clearTimeout(settling);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/**
 * False: it is a pipe, such as `--config <(…)`, whose text comes once. Whoever reads it again waits for a writer, and the
 * whole process with it. One that is not there now may be put there, and a folder says at once that it is none.
 */
export function canBeReadAgain(path: string): boolean {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined || stats.isFile() || stats.isDirectory();
  } catch {
    return true;
  }
}

export const isPipe = new Error('it is a pipe');

/** The text of a file that was read before; throws `isPipe` where it has become one. */
export function readAgain(path: string): string {
  if (!canBeReadAgain(path)) throw isPipe;
  return readFileSync(path, 'utf8');
}

/** Texts as one value to compare: of secrets no second copy is kept for it. */
export function digestOf(texts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest('hex');
}

/** There is none where the system has no watcher left (inotify's limit): looking once a minute has to do. */
function watched(folder: string, changed: () => void): FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}
