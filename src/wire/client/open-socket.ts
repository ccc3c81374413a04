/** Opens connections to one origin: several addresses, TLS. */
import { connect as connectPlainly, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectSecurely, createSecureContext } from 'node:tls';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';

export interface Origin {
  /** Such as `http://127.0.0.1:8081`. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** Where the URL is https. */
  readonly tls: TlsMaterial;
  /** Not there: as Node does it, with each connection. */
  readonly lookup?: LookupFunction;
}

/** Into which buffer is read, and what is told then. */
export type OnRead = NonNullable<TcpNetConnectOpts['onread']>;

export interface Opener {
  open(onread: OnRead): Socket;
  /** By which event a connection shows that it stands. */
  readonly stands: 'connect' | 'secureConnect';
}

/** Some network devices forget connections on which nothing moves. */
const probeAfterMs = 60_000;
/** How long one of several addresses is tried before the next is tried as well (RFC 8305, 5). */
const nextAddressMs = 250;

export function createOpener({ url, connectTimeoutMs, tls, lookup }: Origin): Opener {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const shared = {
    host,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: probeAfterMs,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: Math.max(10, Math.min(nextAddressMs, Math.floor(connectTimeoutMs / 2))),
    ...(lookup === undefined ? {} : { lookup }),
  };
  if (!secure) return { stands: 'connect', open: (onread) => connectPlainly({ ...shared, onread }) };
  const secured = {
    ...shared,
    secureContext: createSecureContext(contextOptions(tls)),
    // Without the dot that may end a name: certificates have none (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host.replace(/\.$/, '') } : {}),
    // Where the other side offers HTTP/2, many requests would be on one connection, and all lost with it.
    ALPNProtocols: ['http/1.1'],
  };
  // Node tells of none, and uses none, where the first of several addresses refused.
  let session: Buffer | undefined;
  return {
    stands: 'secureConnect',
    open(onread) {
      const options = { ...secured, ...(session === undefined ? {} : { session }), onread };
      const socket = connectSecurely(options);
      socket.on('session', (latest: Buffer) => {
        session = latest;
      });
      return socket;
    },
  };
}

/** What an operator can make something of. */
export function textOf(error: Error): string {
  // Where a name has several addresses and all fail, Node's error has no message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(textOf).join('; ');
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}
