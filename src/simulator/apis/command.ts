/** `weir simulate --profile cloud|none`: the flags of the simulators of other APIs. */
import { parseArgs } from 'node:util';
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

type ApiCommand =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problems'; readonly lines: readonly string[] }
  | {
      readonly kind: 'run';
      /** As it says of itself. */
      readonly name: string;
      readonly ports: CloudPorts & { readonly host: string; readonly port: number };
      readonly start: () => Promise<CloudSimulator>;
    };

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function parseApiCommand(name: ApiName, args: readonly string[]): ApiCommand {
  const usual: Readonly<Record<string, number | string>> = { ...(name === 'cloud' ? cloudDefaults : anyDefaults) };
  const portFlags = name === 'cloud' ? ['port', 'media-port'] : ['port'];
  const options = Object.fromEntries(
    ['host', ...portFlags, ...Object.keys(usual).map(kebab)].map((flag) => [flag, { type: 'string' as const }]),
  );
  let values: Readonly<Record<string, unknown>>;
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
    const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    const least = setting === 'latencyMs' ? 0 : Number.MIN_VALUE;
    if (Object.hasOwn(addresses, setting) && !isHttp(text)) {
      lines.push(`--${kebab(setting)}: ${JSON.stringify(text)} is not allowed; give ${addresses[setting]}`);
    } else if (typeof fallback === 'string')
      settings[setting] = setting === 'mediaOrigin' ? new URL(text).origin : text;
    else if (setting === 'throttleStatus' && (number < 400 || number > 599)) {
      lines.push(`--throttle-status: ${JSON.stringify(text)} is not allowed; give a status from 400 to 599`);
    } else if (number >= least && number <= 1e6) settings[setting] = number;
    else
      lines.push(`--${kebab(setting)}: ${JSON.stringify(text)} is not allowed; give a number above 0, up to 1000000`);
  }
  for (const flag of portFlags) {
    const text = values[flag];
    if (typeof text !== 'string' || (/^\d{1,5}$/.test(text) && Number(text) <= 65_535)) continue;
    lines.push(`--${flag}: ${JSON.stringify(text)} is not a port; give a whole number from 0 to 65535`);
  }
  if (lines.length > 0) return { kind: 'problems', lines };
  const mediaPort = typeof values['media-port'] === 'string' ? Number(values['media-port']) : null;
  const host = typeof values['host'] === 'string' ? values['host'] : '127.0.0.1';
  return runOf(name, settings, { host, port: Number(values['port'] ?? 8081), mediaPort });
}

function runOf(
  name: ApiName,
  settings: Readonly<Record<string, number | string>>,
  ports: CloudPorts & { readonly host: string; readonly port: number },
): Extract<ApiCommand, { readonly kind: 'run' }> {
  if (name === 'cloud') {
    const cloud = new SimulatedCloud({ ...cloudDefaults, ...settings });
    return { kind: 'run', name: cloud.name, ports, start: () => startCloud(cloud, ports) };
  }
  const api = new SimulatedAny({ ...anyDefaults, ...settings });
  const start = async (): Promise<CloudSimulator> => ({ ...(await startApi(api, ports)), mediaUrl: null });
  return { kind: 'run', name: api.name, ports, start };
}

/** For a Weir that has no other upstream. */
export function startBundled(name: ApiName): Promise<CloudSimulator> {
  return runOf(name, {}, { host: '127.0.0.1', port: 0, mediaPort: 0 }).start();
}

/** Settings that are addresses, with what would be right. */
const addresses: Readonly<Record<string, string>> = {
  mediaOrigin: 'an origin, such as http://127.0.0.1:9001',
  webhookUrl: 'a URL, such as http://127.0.0.1:9002/hook',
};

const isHttp = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '');

function helpOf(name: ApiName, usual: Readonly<Record<string, number | string>>): string {
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
