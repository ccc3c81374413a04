/** The listener for TLS: the certificate that can be exchanged while it runs, and handshakes that fail quietly. */
import {
  createServer,
  type SecureContextOptions,
  type SecureVersion,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';

export interface ServerTls {
  readonly minVersion: SecureVersion;
  /** With `ca`, callers have to show a certificate that one of these authorities has issued. */
  readonly material: TlsMaterial;
}

/** @param minVersion not there: the one that there was */
export type ServerSecure = (material: TlsMaterial, minVersion?: SecureVersion) => void;

/**
 * @param socketOptions for each connection
 * @param failed told of connections that end before they are secure
 */
export function createSecureServer(
  socketOptions: TlsOptions,
  { minVersion: firstVersion, material: first }: ServerTls,
  handshakeTimeoutMs: number,
  failed: (reason: string, address: string | undefined) => void,
): { readonly server: Server; readonly secure: ServerSecure } {
  let minVersion = firstVersion;
  const contextOf = (material: TlsMaterial): SecureContextOptions => ({ ...contextOptions(material), minVersion });
  const server = createServer({
    ...socketOptions,
    ...contextOf(first),
    requestCert: first.ca !== null,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeTimeoutMs,
    ALPNProtocols: ['http/1.1'],
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    failed(error.code ?? error.message, socket.remoteAddress);
    socket.destroy();
  });
  return {
    server,
    secure(material, version = minVersion) {
      minVersion = version;
      server.setSecureContext(contextOf(material));
    },
  };
}
