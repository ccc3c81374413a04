/** Node's HTTPS server: the certificate that can be exchanged while it runs, and handshakes that fail quietly. */
import type { ServerOptions as HttpOptions, Server } from 'node:http';
import { createServer } from 'node:https';
import type { SecureContextOptions, SecureVersion, TLSSocket, TlsOptions } from 'node:tls';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';

export interface ServerTls {
  readonly minVersion: SecureVersion;
  /** With `ca`, callers have to show a certificate that one of these authorities has issued. */
  readonly material: TlsMaterial;
}

export interface SecureServer {
  readonly server: Server;
  /** Shows another certificate, and asks by other authorities, from the next connection on. */
  readonly secure: (material: TlsMaterial) => void;
}

/** @param failed told of connections that end before they are secure */
export function createSecureServer(
  http: HttpOptions,
  { minVersion, material: first }: ServerTls,
  handshakeTimeoutMs: number,
  failed: (reason: string, address: string | undefined) => void,
): SecureServer {
  const contextOf = (material: TlsMaterial): SecureContextOptions => ({ ...contextOptions(material), minVersion });
  const asks: TlsOptions = { requestCert: first.ca !== null, rejectUnauthorized: true };
  // As Node's HTTP server has it by itself: what a caller sends may end before its answer does.
  const options = { ...http, ...contextOf(first), ...asks, handshakeTimeout: handshakeTimeoutMs, allowHalfOpen: true };
  const server = createServer(options);
  // Node's own listener hands these to 'clientError', as if they were requests that can't be read.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    failed(error.code ?? error.message, socket.remoteAddress);
    socket.destroy();
  });
  return { server, secure: (material) => server.setSecureContext(contextOf(material)) };
}
