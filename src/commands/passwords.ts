/** Where commands get a password from: a prompt or a file, never the arguments, which every process can read. */
import type { Terminal } from '../adapters/node/terminal.ts';
import { brokenPasswordRule } from '../auth/credentials.ts';
import { hiddenIn } from '../auth/hidden.ts';
import { fileText } from '../config/file-text.ts';
import type { CommandIo } from './options.ts';
import { CommandFailure } from './store.ts';

export interface PasswordIo extends CommandIo {
  readonly terminal: Terminal;
}

/** Far more than a password has. */
const fileMaxChars = 4_096;

/**
 * @param file what `--password-file` names, `-` is the standard input; null: ask, twice
 * @param name whose password it is
 */
export async function newPassword(file: string | null, name: string, io: PasswordIo): Promise<string> {
  const password = file === null ? await asked(name, io.terminal) : oneLine(await textOf(file, io));
  const broken = brokenPasswordRule(password);
  if (broken !== null) throw new CommandFailure(`the password ${broken}`);
  return password;
}

async function asked(name: string, terminal: Terminal): Promise<string> {
  if (!terminal.interactive) {
    throw new CommandFailure(
      'there is no terminal to ask for the password; give --password-file FILE (- is the standard input)',
    );
  }
  const answers = await terminal.askHidden([`New password of ${name}: `, 'Once more: ']);
  if (answers === null) throw new CommandFailure('stopped: nothing was changed');
  const [password = '', again] = answers;
  if (password !== again) throw new CommandFailure('the two passwords differ: nothing was changed');
  return password;
}

async function textOf(file: string, io: PasswordIo): Promise<string> {
  if (file === '-') {
    const text = await io.terminal.readAll(fileMaxChars);
    if (text === null) throw new CommandFailure('--password-file: the standard input has more than one line');
    return text;
  }
  try {
    return io.readFile(file);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new CommandFailure(`--password-file: ${JSON.stringify(file)} cannot be read (${code}); give a readable file`);
  }
}

/** The line's own end is not part of the password, nor is a byte order mark; anything else is, blanks too. */
function oneLine(decoded: string): string {
  const file = fileText(decoded);
  if (!file.ok) throw new CommandFailure(`--password-file: it ${file.fault}; ${file.wanted}`);
  const line = file.text.replace(/\r?\n$/, '');
  if (line === '') throw new CommandFailure('--password-file: it is empty; it has to hold one line, the password');
  if (/[\r\n]/.test(line)) throw new CommandFailure(`--password-file: it has more than one line: ${hiddenIn(line)}`);
  return line;
}
