import { createInterface, type Interface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';

/** The person in front of a command, or the input that is fed to it. */
export interface Terminal {
  /** False: nobody can be asked. */
  readonly interactive: boolean;
  /** Asks for lines that are not shown while they are typed. Null: whoever was asked wants to stop (Ctrl-C, Ctrl-D). */
  askHidden(questions: readonly string[]): Promise<string[] | null>;
  /** All of the standard input, up to `maxChars`; null: there is more. */
  readAll(maxChars: number): Promise<string | null>;
}

/** @param output where questions are shown, so that what a command prints stays for pipes */
export function createTerminal(
  input: Readable & { readonly isTTY?: boolean | undefined },
  output: { write(text: string): unknown },
): Terminal {
  return {
    interactive: input.isTTY === true,
    async askHidden(questions) {
      // Readline edits the line and echoes into this; `terminal` has it take the echo of the terminal itself away.
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
      try {
        return await answers(lines, questions, output);
      } finally {
        lines.close();
      }
    },
    async readAll(maxChars) {
      let text = '';
      for await (const chunk of input.setEncoding('utf8')) {
        text += chunk as string;
        if (text.length > maxChars) return null;
      }
      return text;
    },
  };
}

async function answers(
  lines: Interface,
  questions: readonly string[],
  output: { write(text: string): unknown },
): Promise<string[] | null> {
  // Lines that were pasted at once belong to questions that are still to come.
  const typed: string[] = [];
  let closed = false;
  let changed = (): void => {};
  lines.on('line', (line) => {
    typed.push(line);
    changed();
  });
  lines.on('SIGINT', () => lines.close());
  lines.on('close', () => {
    closed = true;
    changed();
  });
  const given: string[] = [];
  for (const question of questions) {
    output.write(question);
    while (typed.length === 0 && !closed) {
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
    output.write('\n');
    const line = typed.shift();
    if (line === undefined) return null;
    given.push(line);
  }
  return given;
}
