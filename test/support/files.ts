import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for temporary files.
 * @param atTheEnd is told how to remove it: `afterAll` or `onTestFinished` of vitest, or the `defer` of a stack
 */
export function temporaryFolder(atTheEnd: (remove: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  atTheEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that is gone at the end, and what was written into it. */
export class Folder implements Disposable {
  readonly path: string;
  readonly texts: Record<string, string> = {};
  #remove = (): void => {};

  constructor() {
    this.path = temporaryFolder((remove) => {
      this.#remove = remove;
    });
  }

  /** Returns the file's path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    this.texts[path] = text;
    return path;
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}

export interface TestFile extends AsyncDisposable {
  readonly path: string;
}

/** A file that is gone after the test. */
export async function testFile(name: string, text: string): Promise<TestFile> {
  const folder = new Folder();
  return { path: folder.write(name, text), [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
}
