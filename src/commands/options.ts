/** The options that commands share. */
import { nearest } from '../config/hints.ts';

/** A command's way out: lines to the terminal, files to read. */
export interface CommandIo {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** The text of a file; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
}

export type ConfigOption =
  | { readonly ok: true; readonly file: string | null }
  | { readonly ok: false; readonly problem: string };

/** Reads `[--config FILE]`, all that `weir serve` and `weir check` take. */
export function configOption(command: string, args: readonly string[]): ConfigOption {
  let file: string | null = null;
  const usage = `weir ${command} [--config FILE]`;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const [name = '', inline] = arg.startsWith('--config=') ? ['--config', arg.slice('--config='.length)] : [arg];
    if (name !== '--config') return { ok: false, problem: unknown(command, arg, usage) };
    const value = inline ?? args[++i];
    if (value === undefined || value === '' || (inline === undefined && value.startsWith('--'))) {
      return { ok: false, problem: `weir ${command}: --config has no value; give ${usage}` };
    }
    if (file !== null) return { ok: false, problem: `weir ${command}: --config is given twice; give ${usage}` };
    file = value;
  }
  return { ok: true, file };
}

function unknown(command: string, arg: string, usage: string): string {
  const kind = arg.startsWith('-') ? 'option' : 'argument';
  const [name = ''] = arg.split('=');
  const near = kind === 'option' && nearest(name, ['--config']) !== undefined;
  return `weir ${command}: unknown ${kind} ${JSON.stringify(name)}; ${near ? 'did you mean --config FILE?' : `give ${usage}`}`;
}
