/** `weir profile NAME`: what a configuration begins with, for one API. */
import { profileText } from '../config/profiles.ts';
import { type ProfileName, profileNames } from '../config/schema.ts';
import { type CommandIo, type Grammar, givenTo } from './options.ts';

export const profileGrammar: Grammar = {
  command: 'profile',
  about: `Print what the configuration begins with for one API: ${profileNames.join(', ')}.`,
  usage: 'NAME',
  operands: 1,
};

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export function profile(args: readonly string[], io: CommandIo): number {
  const given = givenTo(profileGrammar, args, io);
  if (given === null) return 1;
  const name = given.operands[0] as ProfileName;
  if (!profileNames.includes(name)) {
    io.err(`weir profile: ${JSON.stringify(name)} is not a profile; give ${profileNames.join(', ')}`);
    return 1;
  }
  io.out(profileText(name).trimEnd());
  return 0;
}
