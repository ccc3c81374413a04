/** What commands share: how their arguments are read, and their way out. */
import { nearest } from '../config/hints.ts';

/** A command's way out: lines to the terminal, files to read. */
export interface CommandIo {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** The text of a file; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
}

/** What a command takes. */
export interface Grammar {
  /** As it is typed: `users add`. */
  readonly command: string;
  /** What it does: a line, for a list of all commands; more lines for its own help. */
  readonly about: string;
  /** How its arguments are written, all of them, each option with the name of its value: `NAME [--config FILE]`. */
  readonly usage: string;
  /** How many arguments besides. */
  readonly operands: number;
  /** How many of them may be left out; not there: none. */
  readonly optional?: number;
}

/** The options that a command takes, with the names of their values. */
export const optionsOf = ({ usage }: Grammar): Readonly<Record<string, string>> =>
  Object.fromEntries([...usage.matchAll(/(--[\w-]+) ([A-Z]+)/g)].map(([, name, value]) => [name, value]));

/** What a command was given, read by its grammar. */
export interface Given {
  readonly options: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

type Arguments = ({ readonly ok: true } & Given) | { readonly ok: false; readonly problem: string };

/**
 * Reads a command's arguments, in any order; after `--` none is an option. Only a command that takes no arguments
 * repeats one that is too many: elsewhere it may be a password.
 */
function readArguments(grammar: Grammar, args: readonly string[]): Arguments {
  const options = new Map<string, string>();
  const operands: string[] = [];
  const wrong = (what: string): Arguments => ({ ok: false, problem: `weir ${grammar.command}: ${what}` });
  const give = `give weir ${grammar.command} ${grammar.usage}`;
  for (let i = 0, onlyOperands = false; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--' && !onlyOperands) {
      onlyOperands = true;
    } else if (onlyOperands || !arg.startsWith('-')) {
      if (grammar.operands === 0) return wrong(`unknown argument ${JSON.stringify(arg)}; ${give}`);
      operands.push(arg);
    } else {
      const equals = arg.indexOf('=');
      const name = equals === -1 ? arg : arg.slice(0, equals);
      if (!Object.hasOwn(optionsOf(grammar), name)) return wrong(unknownOption(name, grammar, give));
      const value = equals === -1 ? args[++i] : arg.slice(equals + 1);
      if (value === undefined || value === '' || (equals === -1 && value.startsWith('--'))) {
        return wrong(`${name} has no value; ${give}`);
      }
      if (options.has(name)) return wrong(`${name} is given twice; ${give}`);
      options.set(name, value);
    }
  }
  const missing = grammar.operands - operands.length;
  if (missing >= 0 && missing <= (grammar.optional ?? 0)) return { ok: true, options, operands };
  return wrong(`${missing > 0 ? 'an argument is missing' : 'an argument too many'}; ${give}`);
}

/** What a command was given; null: what is wrong with it was told. */
export function givenTo(grammar: Grammar, args: readonly string[], { err }: Pick<CommandIo, 'err'>): Given | null {
  const read = readArguments(grammar, args);
  if (read.ok) return read;
  err(read.problem);
  return null;
}

function unknownOption(name: string, grammar: Grammar, give: string): string {
  const options = optionsOf(grammar);
  const near = nearest(name, Object.keys(options));
  return `unknown option ${JSON.stringify(name)}; ${near === undefined ? give : `did you mean ${near} ${options[near]}?`}`;
}

/** The grammar of a command that looks at the whole configuration. */
export const configAndProfile = { usage: '[--config FILE] [--profile NAME]', operands: 0 };

/** The grammar of a command that takes `[--config FILE]` and nothing else. */
export const configOnly = { usage: '[--config FILE]', operands: 0 };

/** Rows of a help text: what is right stands in line, behind the widest left side. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}

/** The words of the command whose help is asked for, none for all commands; null: no help is asked for. */
export function helpAsked(args: readonly string[]): readonly string[] | null {
  const end = args.indexOf('--');
  const given = end === -1 ? args : args.slice(0, end);
  if (given[0] !== 'help' && !given.includes('--help') && !given.includes('-h')) return null;
  return given.filter((arg) => !arg.startsWith('-') && arg !== 'help');
}
