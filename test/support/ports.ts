import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

/**
 * A loopback port that nobody listens on, for programs that can't be given port 0. Somebody else may take it before
 * it is used, so who starts a program on it tries again with another when the program says so.
 */
export async function freePort(host?: string): Promise<number> {
  const server = createServer();
  const port = await listening(server, 0, host);
  server.close();
  await once(server, 'close');
  return port;
}

/** Has a server listen on loopback. Returns its port. @param port 0: any free one */
export async function listening(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  await once(server.listen(port, host), 'listening');
  return (server.address() as AddressInfo).port;
}
