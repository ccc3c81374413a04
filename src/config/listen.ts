/** The settings under `listen` and `ops`: where Weir is reached. */
import { z } from 'zod';
import { filePath, host, operatorToken, port, tlsVersion, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

const addressWords = 'an IP address or a host name, without a port';
const pathWords = 'the path of a readable file';

/**
 * A file whose content takes the place of the setting that stands next to it.
 * @param name of that setting
 * @param env the variable that names the file
 */
export function fileFor(name: string, env?: string) {
  const about = { description: `A file that holds ${name}.`, wanted: pathWords, ...(env !== undefined && { env }) };
  return setting(filePath().nullable().default(null), { ...about, contentOf: name.replace(/.*\./, '') });
}

/** A file of PEM texts that stays a file: it is read and judged with the configuration. */
export const pemFile = (description: string) =>
  setting(filePath().nullable().default(null), { description, wanted: pathWords });

const listenTls = section({
  certFile: pemFile(
    'PEM certificate of the main port, intermediate ones after it. Not set: plain HTTP. A changed file is taken up.',
  ),
  keyFile: pemFile('The private key of listen.tls.certFile, without a passphrase.'),
  minVersion: setting(tlsVersion().default('TLSv1.2'), {
    description: 'The oldest version of TLS that callers may use.',
  }),
  clientCaFile: pemFile(
    'PEM certificates of the authorities that issue callers’ certificates. Set: a caller that shows none of theirs is refused.',
  ),
});

export const listen = section({
  host: setting(host().default('0.0.0.0'), {
    description:
      'Address that callers connect to; 0.0.0.0 is every IPv4 address of the machine, :: every IPv6 one too.',
    wanted: addressWords,
    env: 'HOST',
  }),
  port: setting(port().default(8_080), {
    description: 'Port that callers connect to; 0 is any free one.',
    env: 'PORT',
  }),
  tls: listenTls,
});

export const ops = section({
  host: setting(host().default('0.0.0.0'), {
    description:
      'Address of the ops port (the page at /, /livez, /readyz, /metrics, /status, /runbook). To look, it asks for no credentials; to steer, for ops.token.',
    wanted: addressWords,
  }),
  port: setting(port().default(9_464), {
    description: 'The ops port; 0 is any free one. Another than listen.port.',
    env: 'OPS_PORT',
  }),
  token: setting(operatorToken().nullable().default(null), {
    description:
      'The operator’s token: whoever sends it to the ops port as Authorization: Bearer … may pause, limit and end what waits. Not set: nobody may, and the page only shows.',
    wanted: '16 to 128 characters (visible ASCII, no spaces)',
    secret: true,
  }),
  tokenFile: fileFor('ops.token'),
  names: setting(z.enum(['always', 'token', 'never']).default('token'), {
    description:
      'Who sees the names of users on the ops port: whoever looks (always), whoever shows ops.token (token), or nobody (never). In the place of a name there is a short digest, the same for one user while ops.token stays, or else while the process runs.',
    wanted: 'always, token or never',
  }),
  figuresMaxAgeMs: setting(whole(0, 60_000).default(1_000), {
    description:
      'How old the figures of /metrics, /status and /v1/metrics may be: they are made once in that time, for all who ask. 0: anew each time.',
  }),
});
