/** A body that has arrived before anybody asked for it: while its token was being looked up, say. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BodyRead } from '../../src/exchange/bodies.ts';
import type { Downstream } from '../../src/exchange/ports.ts';
import { type MainServer, startServer } from '../../src/wire/server/server.ts';
import { watchReading } from '../support/accepted.ts';
import { roomForAll } from '../support/allocation.ts';
import { patientServer } from '../support/patient-server.ts';
import { openCaller } from '../support/raw.ts';

describe('A body that is there already', () => {
  const allIsRead = watchReading();
  let server: MainServer;
  let downstreams: Downstream[] = [];
  beforeAll(async () => {
    const nothing = (): void => {};
    const request = (_head: unknown, downstream: Downstream): void => void downstreams.push(downstream);
    const others = { upgrade: nothing, unreadable: nothing, handshakeFailed: nothing, acceptFailed: nothing };
    server = await startServer(patientServer, { request, ...others });
  });
  afterAll(async () => {
    const closed = server.close();
    server.destroy();
    await closed;
  });

  it.each<[string, fields: string, packets: readonly string[], body: string | null]>([
    ['in one packet', 'Content-Length: 6', ['abcdef'], 'abcdef'],
    ['in three packets', 'Content-Length: 6', ['ab', 'cd', 'ef'], 'abcdef'],
    ['in chunks', 'Transfer-Encoding: chunked', ['2\r\nab\r\n', '2\r\ncd\r\n', '2\r\nef\r\n0\r\n\r\n'], 'abcdef'],
    ['in chunks of one packet', 'Transfer-Encoding: chunked', ['2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n'], 'abcdef'],
    ['and is empty', 'Transfer-Encoding: chunked', ['0\r\n\r\n'], null],
  ])('%s is read whole', async (_, fields, packets, body) => {
    downstreams = [];
    await using caller = await openCaller(server.port);
    caller.send(`POST / HTTP/1.1\r\nHost: weir\r\n${fields}\r\n\r\n`);
    for (const packet of packets) {
      await allIsRead(caller);
      caller.send(packet);
    }
    await allIsRead(caller);
    const downstream = downstreams[0] as Downstream;
    const read = await downstream.read(1_000, roomForAll);
    expect(textOf(read)).toBe(body);
    downstream.page(200, [], 'ok');
    expect((await caller.answer('POST')).status).toBe(200);
  });
});

function textOf(read: BodyRead): string | null {
  if (read.kind !== 'body') throw new Error(`The body was not read: ${read.kind}.`);
  return read.body === null ? null : (read.body as Buffer).toString();
}
