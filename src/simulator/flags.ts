/** The command line of `weir simulate`: a flag for each setting, made from the same schema. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { classes } from './classes.ts';
import { type Problem, shown } from './problems.ts';
import { defaultSettings, faultDescriptions, faultNames, patched, settingsSchema } from './settings.ts';
import { startSimulator } from './simulator.ts';

/** A simulator that runs, and the lines that tell where. */
export interface Running {
  readonly said: readonly string[];
  close(): Promise<void>;
}

export interface Starting {
  readonly host: string;
  readonly port: number;
  /** The second port; below 0: there is none. */
  readonly other: { readonly flag: string; readonly port: number };
  /** Rejects with the error of `listen`. */
  readonly start: () => Promise<Running>;
}

/** What a command line asks for, of whichever simulator. */
export type Command =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problems'; readonly lines: readonly string[] }
  | ({ readonly kind: 'run' } & Starting);

export const hostDefault = '127.0.0.1';
export const portDefault = 8081;

interface Flag {
  readonly setting: keyof typeof defaultSettings;
  readonly name: string;
  readonly type: 'number' | 'boolean' | 'string';
  readonly help: string;
}

/** The settings that have a flag of their own; limits and faults have flags that repeat. */
const flags: readonly Flag[] = (Object.keys(settingsSchema.shape) as (keyof typeof defaultSettings)[])
  .filter((setting) => !['limits', 'faults', 'limitsEnforced', 'listening'].includes(setting))
  .map((setting) => {
    const usual = defaultSettings[setting];
    const type = typeof usual === 'number' ? 'number' : typeof usual === 'boolean' ? 'boolean' : 'string';
    const said = typeof usual === 'number' || typeof usual === 'string' ? ` (default ${usual})` : '';
    return { setting, name: kebab(setting), type, help: `${settingsSchema.shape[setting].description}${said}` };
  });

const others: readonly (readonly [string, string])[] = [
  ['--host H', 'the address to listen on (default 127.0.0.1)'],
  ['--port N', `the port to listen on; 0: a free one (default ${portDefault})`],
  ['--control-port N', 'a second port, for the control endpoint only; 0: a free one (default 0)'],
];

const rest: readonly (readonly [string, string])[] = [
  ['--limit CLASS=RATE/BURST', 'the limit of an endpoint class, such as messages=50/150; may be repeated'],
  ['--no-limits', 'no request is refused with a 429'],
  [
    '--fault NAME=SHARE',
    'how often a fault strikes: a fraction from 0 to 1, the same for MS with SHARE/MS, or next:N; may be repeated',
  ],
  ['--profile NAME', 'another API: cloud or none; --profile NAME --help lists what it takes'],
  ['--help', 'this text'],
];

const own = flags.map(
  ({ name, type, help }) => [`--${name}${{ number: ' N', boolean: '', string: ' TEXT' }[type]}`, help] as const,
);

function simulateHelp(): string {
  const lines = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([left, right]) => `  ${left.padEnd(36)}${right}`);
  return [
    'weir simulate: a Coreapp to try Weir against, with the documented limits, load and faults on demand',
    '',
    'Usage: weir simulate [options]',
    '',
    ...lines([...others, ...own, ...rest]),
    '',
    'Faults:',
    ...lines(faultNames.map((name) => [name, faultDescriptions[name]])),
    '',
    `Endpoint classes: ${classes.join(', ')}`,
    '',
    'While it runs, GET and PATCH /_simulator/settings (JSON) show and change all of it; GET /_simulator/seen,',
    '/_simulator/seen/{X-Request-Id} and /_simulator/arrivals?class=messages tell what arrived.',
  ].join('\n');
}

const config: ParseArgsOptionsConfig = Object.fromEntries(
  [...others, ...own, ...rest].flatMap(([left]) => {
    const [name = '', value] = left.slice(2).split(' ');
    if (name === 'profile') return []; // It has been taken out before.
    return [[name, { type: value === undefined ? 'boolean' : 'string', multiple: ['limit', 'fault'].includes(name) }]];
  }),
);

export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

export function parseCommand(args: readonly string[]): Command {
  let values: Values;
  try {
    values = parseArgs({ args: [...args], options: config, strict: true, allowPositionals: false }).values;
  } catch (error) {
    return { kind: 'problems', lines: [syntaxProblem(error as NodeJS.ErrnoException)] };
  }
  if (values.help === true) return { kind: 'help', text: simulateHelp() };
  const lines: string[] = [];
  const host = typeof values.host === 'string' ? values.host : hostDefault;
  if (host === '') lines.push('--host: "" is empty; give an address, such as 127.0.0.1');
  const port = portOf('port', values, portDefault, lines);
  const controlPort = portOf('control-port', values, 0, lines);
  const patch = patchOf(values, lines);
  const configured = patched(defaultSettings, patch);
  if (configured.kind === 'problems') lines.push(...configured.problems.map(inFlags));
  if (lines.length > 0 || configured.kind === 'problems') return { kind: 'problems', lines };
  const start = async (): Promise<Running> => {
    const simulator = await startSimulator({ ...configured.settings, host, port, controlPort });
    const { url, controlUrl } = simulator;
    const control = `${controlUrl}/ (settings, seen, arrivals), also at ${url}/_simulator/`;
    return { ...simulator, said: [`Coreapp simulator: ${url}`, `Control endpoint: ${control}`] };
  };
  return { kind: 'run', host, port, other: { flag: '--control-port', port: controlPort }, start };
}

function syntaxProblem(error: NodeJS.ErrnoException): string {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const [flag = quoted] = quoted.replace(/^-\w, /, '').split(' ');
  switch (error.code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return `${flag}: unknown; weir simulate --help lists what there is`;
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `${JSON.stringify(quoted)}: stands alone; give options only, such as --port 8081`;
    default:
      if (error.message.includes('does not take')) return `${flag}: takes no value; leave it out`;
      if (error.message.includes('ambiguous')) return `${flag}: a value that begins with "-" is written ${flag}=-…`;
      return `${flag}: needs a value; weir simulate --help lists what would be right`;
  }
}

/** @param lines a problem is added to */
export function portOf(name: string, values: Values, usual: number, lines: string[]): number {
  const text = values[name];
  if (typeof text !== 'string') return usual;
  const port = asNumber(text);
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  lines.push(`--${name}: ${shown(text)} is not a port; give a whole number from 0 to 65535`);
  return usual;
}

function patchOf(values: Values, lines: string[]): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const { name, setting, type } of flags) {
    const value = values[name];
    if (value !== undefined) patch[setting] = type === 'number' ? asNumber(value as string) : value;
  }
  if (values['no-limits'] === true) patch.limitsEnforced = false;
  patch.limits = pairs('limit', 'CLASS=RATE/BURST, such as messages=50/150', values, lines, (text) => {
    const [rate, burst, more] = text.split('/');
    if (rate === undefined || burst === undefined || more !== undefined) return undefined;
    return { ratePerS: asNumber(rate), burst: asNumber(burst) };
  });
  patch.faults = pairs(
    'fault',
    'NAME=SHARE, such as hang=0.1, error503=1/3000 or truncate=next:3',
    values,
    lines,
    fault,
  );
  return patch;
}

function fault(text: string): unknown {
  if (text.startsWith('next:')) return { next: asNumber(text.slice('next:'.length)) };
  const [share = '', ms, more] = text.split('/');
  if (more !== undefined) return undefined;
  return ms === undefined ? asNumber(share) : { share: asNumber(share), ms: asNumber(ms) };
}

function pairs(
  name: string,
  right: string,
  values: Values,
  lines: string[],
  parse: (text: string) => unknown,
): Record<string, unknown> {
  const given = (values[name] ?? []) as readonly string[];
  const parsed = given.flatMap((text) => {
    const at = text.indexOf('=');
    const value = at < 1 || at === text.length - 1 ? undefined : parse(text.slice(at + 1));
    if (value !== undefined) return [[text.slice(0, at), value] as const];
    lines.push(`--${name}: ${shown(text)} is not right; give ${right}`);
    return [];
  });
  return Object.fromEntries(parsed);
}

/** A decimal number, else the text as it came, for the schema to refuse. */
function asNumber(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function inFlags({ path: [setting = '', ...inner], text }: Problem): string {
  if (setting === 'limits') return `--limit ${inner.join('.')}: ${text}`;
  if (setting === 'faults') return `--fault ${inner.join('.')}: ${text}`;
  return `--${kebab(setting)}: ${text}`;
}

export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
