/** `weir simulate --profile cloud|none`: the flags of the simulators of other APIs. */
import { parseArgs } from 'node:util';
import { type Command, hostDefault, kebab, portDefault, portOf, type Running, type Values } from '../flags.ts';
import { anyDefaults, SimulatedAny } from './any.ts';
import { cloudDefaults, SimulatedCloud } from './cloud/cloud.ts';
import { type CloudPorts, type CloudSimulator, startCloud } from './cloud/start.ts';
import { startApi } from './server.ts';

export type ApiName = 'cloud' | 'none';

const helps: Readonly<Record<ApiName, Readonly<Record<string, string>>>> = {
  cloud: {
    numberRate: 'messages a second of one number',
    pairRate: 'messages a second to one recipient',
    pairBurst: 'messages at once to one recipient',
    hourly: 'management calls an hour',
    throttleStatus: 'the status of what is refused for being too fast',
    mediaOrigin: 'where media are said to be, such as https://media.example.com; not given: where they are',
    token: 'the bearer token that is right; not given: any one',
    webhookUrl: 'where statuses of messages are told, such as http://127.0.0.1:9002/hook; not given: nowhere',
    verifyToken: 'what the receiver of webhooks is asked with, and says hub.challenge back',
    appSecret: 'the key of X-Hub-Signature-256 of webhooks, and of appsecret_proof',
    latencyMs: 'how long an answer takes, milliseconds',
  },
  none: {
    rate: 'requests a second; a language model counts a thousand tokens for each',
    burst: 'requests at once',
    latencyMs: 'how long an answer takes, milliseconds',
  },
};

const abouts: Readonly<Record<ApiName, readonly string[]>> = {
  cloud: [
    'POST /_simulator/maintenance?seconds=5 and /_simulator/spam?seconds=5 refuse messages for so long (131057, 131048).',
    'POST /_simulator/account?number=N&seconds=5 refuses those of one number, as where its account is at its limit (80007).',
    'POST /_simulator/window?to=N refuses all but templates to N (131047), /_simulator/undeliverable?to=N tells by webhook',
    'that messages to N have failed (131026). Templates: hello_world, and those made by POST /v23.0/1/message_templates.',
  ],
  none: [
    'By the first segment of the path: /retry-after, /leaky, /reset/seconds|epoch|epochMs|text, /secondary (403), and',
    '/v1/chat/completions, which counts tokens. Any other path is answered with what was asked.',
  ],
};

type Settings = Readonly<Record<string, number | string>>;

export function parseApiCommand(name: ApiName, args: readonly string[]): Command {
  const usual: Settings = { ...(name === 'cloud' ? cloudDefaults : anyDefaults) };
  const portFlags = name === 'cloud' ? ['port', 'media-port'] : ['port'];
  const options = Object.fromEntries(
    ['host', ...portFlags, ...Object.keys(usual).map(kebab)].map((flag) => [flag, { type: 'string' as const }]),
  );
  let values: Values;
  try {
    values = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean' } }, strict: true }).values;
  } catch (error) {
    const flag = /'([^' ]*)/.exec((error as Error).message)?.[1] ?? '';
    return {
      kind: 'problems',
      lines: [`${flag}: unknown, or without a value; --profile ${name} --help lists what there is`],
    };
  }
  if (values['help'] === true) return { kind: 'help', text: helpOf(name, usual) };
  const lines: string[] = [];
  const settings: Record<string, number | string> = { ...usual };
  for (const [setting, fallback] of Object.entries(usual)) {
    const text = values[kebab(setting)];
    if (typeof text !== 'string') continue;
    const wanted = wantedFor(setting, fallback, text);
    if (wanted !== undefined) lines.push(`--${kebab(setting)}: ${JSON.stringify(text)} is not allowed; give ${wanted}`);
    else if (typeof fallback === 'number') settings[setting] = Number(text);
    else settings[setting] = setting === 'mediaOrigin' ? new URL(text).origin : text;
  }
  const port = portOf('port', values, portDefault, lines);
  const mediaPort = portOf('media-port', values, -1, lines);
  if (lines.length > 0) return { kind: 'problems', lines };
  const host = typeof values['host'] === 'string' ? values['host'] : hostDefault;
  const start = () => startNamed(name, settings, { host, port, mediaPort: mediaPort < 0 ? null : mediaPort });
  return { kind: 'run', host, port, other: { flag: '--media-port', port: mediaPort }, start };
}

async function startNamed(name: ApiName, settings: Settings, ports: CloudPorts): Promise<CloudSimulator & Running> {
  const cloud = name === 'cloud' ? new SimulatedCloud({ ...cloudDefaults, ...settings }) : null;
  const api = cloud ?? new SimulatedAny({ ...anyDefaults, ...settings });
  const started = cloud === null ? { ...(await startApi(api, ports)), mediaUrl: null } : await startCloud(cloud, ports);
  const { url, mediaUrl } = started;
  const where = `${api.name}: ${url}${mediaUrl === null ? '' : `, media at ${mediaUrl}`}`;
  return { ...started, said: [where, `What it has seen: ${url}/_simulator/seen`] };
}

/** For a Weir that has no other upstream. */
export function startBundled(name: ApiName): Promise<CloudSimulator> {
  return startNamed(name, {}, { mediaPort: 0 });
}

/** What would be right in the place of a text; undefined: it is right. */
function wantedFor(setting: string, usual: number | string, text: string): string | undefined {
  if (typeof usual === 'string') return isHttp(text) ? undefined : addresses[setting];
  const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (setting === 'throttleStatus' && (number < 400 || number > 599)) return 'a status from 400 to 599';
  const least = setting === 'latencyMs' ? 0 : Number.MIN_VALUE;
  return number >= least && number <= 1e6 ? undefined : 'a number above 0, up to 1000000';
}

/** Settings that are addresses, with what would be right. */
const addresses: Readonly<Record<string, string>> = {
  mediaOrigin: 'an origin, such as http://127.0.0.1:9001',
  webhookUrl: 'a URL, such as http://127.0.0.1:9002/hook',
};

const isHttp = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '');

function helpOf(name: ApiName, usual: Settings): string {
  const rows = [
    ['--host H', 'the address to listen on (default 127.0.0.1)'],
    ['--port N', 'the port to listen on; 0: a free one (default 8081)'],
    ...(name === 'cloud'
      ? [['--media-port N', 'where media are downloaded from; 0: a free one; not given: --port']]
      : []),
    ...Object.entries(usual).map(([setting, value]) => {
      const [flag, kind] = [kebab(setting), typeof value === 'string' ? 'TEXT' : 'N'];
      const said = value === '' ? '' : ` (default ${typeof value === 'number' ? Number(value.toFixed(4)) : value})`;
      return [`--${flag} ${kind}`, `${helps[name][setting]}${said}`];
    }),
    ['--help', 'this text'],
  ];
  return [
    `weir simulate --profile ${name}: an upstream to try Weir against`,
    '',
    `Usage: weir simulate --profile ${name} [options]`,
    '',
    ...rows.map(([left = '', right = '']) => `  ${left.padEnd(24)}${right}`),
    '',
    ...abouts[name],
    'GET /_simulator/seen tells what was accepted and refused.',
  ].join('\n');
}
