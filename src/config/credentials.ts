/** The credentials for the upstream: `coreapp.authorization`, and those of `coreapp.authorizations` from their files. */
import { fileText, unreadable } from './file-text.ts';
import { fieldValue } from './kinds.ts';
import { badFile, type Problem } from './problems.ts';
import type { Settings } from './schema.ts';
import { attempt } from './secret-files.ts';

/** A credential, and for which requests. */
export interface Credential {
  /** A class, or a scope and a value (`path:/v1/{number}=17`); null: for all others. */
  readonly of: string | null;
  /** Where it comes from; null: from no file. */
  readonly file: string | null;
  readonly text: string;
}

/** The credential that a file holds, without the newline at its end; null: none. */
export function credentialIn(decoded: string): string | null {
  const file = fileText(decoded);
  const text = file.ok ? file.text.replace(/\r?\n$/, '') : '';
  return fieldValue().safeParse(text).success ? text : null;
}

/** @param where of the setting that names the files */
export function readCredentials(
  { authorization, authorizationFile, authorizations }: Settings['coreapp'],
  where: string,
  readFile: (path: string) => string,
): { readonly credentials: readonly Credential[]; readonly problems: readonly Problem[] } {
  const credentials: Credential[] = [];
  const problems: Problem[] = [];
  for (const [of, file] of Object.entries(authorizations)) {
    const read = attempt(() => readFile(file));
    const text = read.ok ? credentialIn(read.text) : null;
    const fault = read.ok ? notOne : unreadable(read.error, 'give the path of a readable file');
    if (text === null) problems.push(badFile(`${where}: ${of}`, file, fault));
    else credentials.push({ of, file, text });
  }
  if (authorization !== null) credentials.push({ of: null, file: authorizationFile, text: authorization });
  return { credentials, problems };
}

const notOne = {
  fault: 'holds no credential',
  wanted: 'put a scheme and credentials in it, in one line of visible ASCII, such as Bearer 1234',
};
