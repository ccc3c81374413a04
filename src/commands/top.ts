/** `weir top`: the line of the Weir on this machine, anew each second, until Ctrl-C. */
import { machineClock } from '../adapters/node/clock.ts';
import { opsPort } from './ops-address.ts';
import { askOps, wrongIn } from './ops-call.ts';
import { type CommandIo, configOnly, type Grammar, readArguments } from './options.ts';
import { type Shown, screenOf } from './screen.ts';
import { shownPath } from './status.ts';

export const topGrammar: Grammar = {
  command: 'top',
  about: `Show who waits, for how long and for what, anew each second, until Ctrl-C.

As weir status does; weir pause, resume, limit and drain are for another terminal.`,
  ...configOnly,
};

const everyMs = 1_000;
/** Home, and what was below it is cleared: the screen does not flicker, as it would if it were cleared first. */
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';

/** Resolves to the exit code: 1 once no Weir answers. */
export async function top(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: CommandIo,
): Promise<number> {
  const read = readArguments(topGrammar, args);
  if (!read.ok) {
    io.err(read.problem);
    return 1;
  }
  const { address, token } = opsPort(read.options.get('--config') ?? null, env, io);
  const url = `http://${address}${shownPath}`;
  for (;;) {
    const answer = await askOps('GET', url, token);
    if (answer.status !== 200) {
      io.err(`weir top: ${url}: ${wrongIn(answer)}`);
      return 1;
    }
    const lines = screenOf(JSON.parse(answer.text) as Shown);
    io.out(home + lines.map((line) => line + clearLine).join('\n') + clearBelow);
    await new Promise<void>((resolve) => void machineClock.after(everyMs, resolve));
  }
}
