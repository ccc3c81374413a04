import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestFile extends AsyncDisposable {
  readonly path: string;
}

/** A file that is gone after the test. */
export async function testFile(name: string, text: string): Promise<TestFile> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-file-'));
  const path = join(folder, name);
  await writeFile(path, text);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
