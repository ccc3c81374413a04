/** A TCP proxy that goes deaf on demand: connections stay open, and what the server says on them is lost. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * From now on nothing that the server says reaches those who have sent `text`; later connections are not touched, unless `lasting`.
   * Returns how many there are.
   */
  silence(text: string, options?: { readonly lasting?: boolean }): number;
}

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  sent: string;
  silent: boolean;
}

/** How much of what a client sends is looked at, characters. */
const looked = 4_096;

/** @param port the server's, on loopback */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  const texts: string[] = [];
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const line: Line = { client, server, sent: '', silent: false };
    lines.add(line);
    client.on('data', (chunk) => {
      if (line.sent.length < looked) line.sent += chunk.toString('latin1');
      line.silent ||= texts.some((text) => line.sent.includes(text));
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!line.silent) client.write(chunk);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => one.destroy());
      one.on('close', () => {
        lines.delete(line);
        other.destroy();
      });
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    silence(text, { lasting = false } = {}) {
      if (lasting) texts.push(text);
      const found = [...lines].filter((line) => line.sent.includes(text));
      for (const line of found) line.silent = true;
      return found.length;
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, 'close');
    },
  };
}
