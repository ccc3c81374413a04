/** A real Weir with TLS around it, and callers who look closely at what they are shown. */
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { startApp } from '../../src/app/app.ts';
import { apiKey, asTested, testEnv } from './app.ts';
import { config, type Env, load } from './config.ts';
import type { Folder } from './files.ts';
import { RawCaller } from './raw.ts';
import { type Event, eventLog } from './silent-log.ts';
import { within } from './until.ts';

export interface SecureApp extends AsyncDisposable {
  readonly port: number;
  readonly opsPort: number;
  readonly events: readonly Event[];
  /** What was logged, as texts: an event a line. */
  readonly said: () => string[];
}

/** @param yaml names files of `folder` */
export async function startSecureApp(
  coreappUrl: string,
  yaml: string,
  folder: Folder,
  env: Env = {},
): Promise<SecureApp> {
  const { log, events } = eventLog();
  const own = { ...testEnv, COREAPP_URL: coreappUrl };
  const settings = asTested(config(load(yaml, { ...own, ...env }, folder.texts)), yaml);
  const app = await startApp({ config: settings, coreappUrl, version: '0.0.0', log, hash: '' });
  return {
    port: app.port,
    opsPort: app.opsPort,
    events,
    said: () => events.map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`),
    [Symbol.asyncDispose]: () => app.close(0),
  };
}

class SecureCaller extends RawCaller {
  readonly tls: TLSSocket;

  constructor(socket: TLSSocket) {
    super(socket);
    this.tls = socket;
  }

  /** The common name on the certificate that it was shown. */
  get shown(): string | undefined {
    return this.tls.getPeerX509Certificate()?.subject.replace('CN=', '');
  }

  /** Asks for the health, with the API key. */
  async health() {
    this.send(`GET /v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Apikey ${apiKey}\r\n\r\n`);
    return await this.answer();
  }
}

/** Rejects with OpenSSL's reason where there is no agreement. */
export async function callSecurely(
  port: number,
  options: ConnectionOptions & { readonly localAddress?: string },
): Promise<SecureCaller> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  await within(once(socket, 'secureConnect'), { what: 'the handshake' });
  return new SecureCaller(socket);
}
