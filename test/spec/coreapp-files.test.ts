/** A body from a file on its way to the Coreapp: what is on the wire when the file, the connection or the caller fails. */
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BodyFile } from '../../src/exchange/bodies.ts';
import { listening } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { type Client, connectClient } from '../support/wire-client.ts';

const bodyBytes = 200_000;

/** A file whose reads the test answers one by one. */
class SlowFile implements BodyFile {
  readonly bytes = bodyBytes;
  readonly reads: { readonly position: number; readonly end: (bytes: number | Error) => void }[] = [];

  append(): Promise<boolean> {
    throw new Error('It is written already.');
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const end = (bytes: number | Error): void => {
        if (bytes instanceof Error) reject(bytes);
        else resolve(Math.min(bytes, into.fill(120).length));
      };
      this.reads.push({ position, end });
    });
  }

  close(closed: () => void): void {
    closed();
  }

  /** Answers the next read; 64 KiB by default. */
  async give(bytes: number | Error = 65_536, deadlineMs = 50_000): Promise<void> {
    const read = await until(() => this.reads.shift(), { what: 'the file to be read', deadlineMs });
    read.end(bytes);
  }
}

let server: ReturnType<typeof createServer>;
let sockets: Socket[];
let received: string;
let client: Client;

beforeEach(async () => {
  sockets = [];
  received = '';
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
  });
  client = connectClient({ url: `http://127.0.0.1:${await listening(server)}` });
});
afterEach(async () => {
  await client.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

const send = (file: BodyFile) => client.send({ method: 'POST', target: '/v1/media', body: file });
const body = () => received.slice(received.indexOf('\r\n\r\n') + 4);
const connected = () => until(() => sockets[0], { what: 'a connection' });

describe('the body from a file', () => {
  it('goes with its length, in as many pieces as the disk gives', async () => {
    const file = new SlowFile();
    const exchange = send(file);
    for (let left = bodyBytes; left > 0; left -= 50_000) await file.give(50_000);
    await until(() => body().length === bodyBytes, { what: 'the whole body' });
    expect(received).toMatch(/\r\ncontent-length: 200000\r\n/i);
    expect(received).not.toMatch(/transfer-encoding/i);
    sockets[0]?.write('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n');
    expect(await exchange.failed()).toBeNull();
    expect(exchange.head()).toBe(201);
  });

  it.each<[string, before: number, read: number | Error]>([
    ['can’t be read at all', 0, new Error('EIO')],
    ['is empty on the disk', 0, 0],
    ['can’t be read on', 2, new Error('EIO')],
    ['is shorter on the disk', 2, 0],
  ])('that %s is never a whole request to the Coreapp, and breaks its connection', async (_, before, read) => {
    const file = new SlowFile();
    const exchange = send(file);
    for (let i = 0; i < before; i++) await file.give();
    await file.give(read);
    expect(await exchange.failed()).toMatchObject({ cause: 'body', phase: before === 0 ? 'unsent' : 'sent' });
    const socket = await connected();
    await until(() => socket.readableEnded || socket.destroyed, { what: 'the connection to end' });
    expect(received === '' || /content-length: 200000\r\n/i.test(received)).toBe(true);
    expect(body().length).toBeLessThan(bodyBytes);
    if (before === 0) expect(received).toBe('');
  });

  it('is unsent as long as not a byte of it was read, though its connection stood', async () => {
    const file = new SlowFile();
    const exchange = send(file);
    const socket = await connected();
    await until(() => file.reads.length === 1, { what: 'the file to be read' });
    socket.destroy();
    expect(await exchange.failed()).toMatchObject({ cause: 'connect', phase: 'unsent' });
    expect(received).toBe('');
    await file.give();
  });

  it('is sent once a piece of it is on its way', async () => {
    const file = new SlowFile();
    const exchange = send(file);
    await file.give();
    await until(() => body().length > 0, { what: 'the first bytes' });
    sockets[0]?.destroy();
    expect(await exchange.failed()).toMatchObject({ cause: 'broken', phase: 'sent' });
    await until(() => file.reads.length <= 1, { what: 'no more to be read' });
  });

  it('is read no further once its attempt was aborted, and what a late read brings or breaks hurts nobody', async () => {
    const file = new SlowFile();
    const exchange = send(file);
    await file.give();
    await until(() => body().length > 0, { what: 'the first bytes' });
    exchange.call.abort();
    expect(await exchange.failed()).toMatchObject({ cause: 'aborted', phase: 'sent' });
    await file.give(new Error('EBADF'));
    expect(file.reads).toEqual([]);
  });

  it('is not read on while the Coreapp takes nothing', async () => {
    const file = new SlowFile();
    const exchange = send(Object.assign(file, { bytes: 500_000_000 }));
    const socket = await connected();
    socket.pause();
    const pieceBytes = 65_536;
    let given = 0;
    const feed = async (): Promise<void> => {
      for (; given < 50_000_000; given += pieceBytes) await file.give(pieceBytes, 500);
    };
    // What the sockets buffer is a few MiB; then nothing more is asked for.
    await expect(feed()).rejects.toThrow('in vain for the file to be read');
    exchange.call.abort();
    expect(await exchange.failed()).toMatchObject({ cause: 'aborted' });
  });
});
