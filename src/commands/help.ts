/** What `--help`, `-h` and `weir help` say. */
import { checkGrammar } from './check.ts';
import { explainGrammar } from './explain.ts';
import { columns, type Grammar, optionsOf } from './options.ts';
import { profileGrammar } from './profile.ts';
import { reloadGrammar } from './reload.ts';
import { serveGrammar } from './serve.ts';
import { statusGrammar } from './status.ts';
import { steeringGrammars } from './steer.ts';
import { tokenGrammars } from './tokens.ts';
import { topGrammar } from './top.ts';
import { userGrammars } from './users.ts';

/** All commands but the simulator's, which shares no code with the rest. */
const grammars: readonly Grammar[] = [
  serveGrammar,
  reloadGrammar,
  statusGrammar,
  topGrammar,
  ...steeringGrammars,
  checkGrammar,
  explainGrammar,
  profileGrammar,
  ...userGrammars,
  ...tokenGrammars,
];

const meanings: Readonly<Record<string, string>> = {
  '--config': 'the configuration; else the file that WEIR_CONFIG names, else config/weir.yaml of the package',
  '--profile': 'the API that is behind Weir: coreapp, cloud or none; as WEIR_PROFILE',
  '--body': 'holds the body of the request, for scopes and costs that look into it',
  '--password-file': 'holds the password, in one line; - is the standard input',
  '--user': 'the user who is meant',
  '--expires': 'how long the token is valid: 12h, 90d, 1y or never; 90d where nothing is said',
  '--label': 'what the token is for, as weir tokens list shows it',
  '--for': 'how long: 30s, 10m, 2h; an hour where nothing is said, a day at most',
  '--replica': 'the name of a replica, as weir status shows it',
  '--role': 'user or admin, for a user that is added; user where nothing is said',
};

/** The help for a command, or for a group of commands; null: there is none of that name. */
export function helpFor(words: readonly string[]): string | null {
  const exact = grammars.find(({ command }) => command === words.slice(0, command.split(' ').length).join(' '));
  if (exact !== undefined) return helpOn(exact);
  const group = grammars.filter(({ command }) => command.split(' ')[0] === words[0]);
  return group.length === 0 ? null : group.map((grammar) => `${usage(grammar)}\n  ${grammar.about}`).join('\n');
}

export function overview(): string {
  const lines: [string, string][] = grammars.map(({ command, about }) => [command, about.split('\n')[0] as string]);
  lines.splice(1, 0, ['simulate', 'Run the Coreapp simulator alone.']);
  return [
    'Weir: an authenticating, rate-limiting reverse proxy for APIs that say "slow down".',
    '',
    'Usage: weir COMMAND, with [--config FILE] for all but profile and simulate',
    ...columns(lines),
    '',
    'weir COMMAND --help (-h), or weir help COMMAND, says what a command takes; weir --version (-v), which Weir this is.',
  ].join('\n');
}

function helpOn(grammar: Grammar): string {
  const taken = Object.entries(optionsOf(grammar)).map(([name, value]): [string, string] => [
    `${name} ${value}`,
    meanings[name] as string,
  ]);
  return [usage(grammar), '', grammar.about, '', ...columns([...taken, ['-h, --help', 'this text']])].join('\n');
}

const usage = ({ command, usage: taken }: Grammar): string => `Usage: weir ${command} ${taken}`;
