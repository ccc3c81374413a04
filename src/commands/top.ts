/** `weir top`: the line of the Weir on this machine, anew each second, until Ctrl-C. */

import { machineClock } from '../adapters/node/clock.ts';
import type { Environment } from '../config/environment.ts';
import type { CommandIo, Grammar } from './options.ts';
import { linesShown, shownOf, whatIsAsked } from './status.ts';

export const topGrammar: Grammar = {
  command: 'top',
  about: `Show who waits, for how long and for what, anew each second, until Ctrl-C.

As weir status does; weir pause, resume, limit and drain are for another terminal.`,
  ...shownOf,
};

const everyMs = 1_000;
/** Home, and what was below it is cleared: the screen does not flicker, as it would if it were cleared first. */
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';

/** Resolves to the exit code: 1 once no Weir answers. */
export async function top(args: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  const asked = whatIsAsked(topGrammar, args, env, io);
  if (asked === null) return 1;
  for (;;) {
    const lines = await linesShown('top', asked, io);
    if (lines === null) return 1;
    io.out(home + lines.map((line) => line + clearLine).join('\n') + clearBelow);
    await new Promise<void>((resolve) => void machineClock.after(everyMs, resolve));
  }
}
