/** Plays a row on a gateway in front of a recording upstream, and says what came of it. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { openCaller, type RawCaller } from '../../../support/raw.ts';
import type { Reached, Row } from './row.ts';

/** A request as it arrived. */
export interface Arrival {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [lower: string, value: string])[];
  readonly body: string;
}

export interface Seen {
  readonly statuses: readonly number[];
  readonly goesOn: boolean;
  readonly arrivals: readonly Arrival[];
}

/** An upstream that takes down each request as it was framed, and answers "ok". */
export class Recorder implements AsyncDisposable {
  readonly arrivals: Arrival[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(): Promise<Recorder> {
    const recorder = new Recorder();
    recorder.#server.listen(0, '127.0.0.1');
    await once(recorder.#server, 'listening');
    return recorder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    let held = '';
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      held += String(text);
      for (let read = readOne(held); read !== null; read = readOne(held)) {
        held = held.slice(read.length);
        this.arrivals.push(read.arrival);
        const body = read.arrival.method === 'HEAD' ? '' : 'ok';
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${body}`);
      }
    });
  }
}

/** The first request of what has come; null: it is not whole. */
function readOne(text: string): { readonly arrival: Arrival; readonly length: number } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const valueIn = (name: string): string | undefined => fields.find(([one]) => one === name)?.[1];
  let at = end + 4;
  let body = '';
  if (valueIn('transfer-encoding') !== undefined) {
    for (;;) {
      const line = text.indexOf('\r\n', at);
      if (line === -1) return null;
      const size = Number.parseInt(text.slice(at, line), 16);
      at = line + 2;
      if (text.length < at + size + 2) return null;
      body += text.slice(at, at + size);
      at += size + 2;
      if (size === 0) break;
    }
  } else {
    const length = Number(valueIn('content-length') ?? 0);
    if (text.length < at + length) return null;
    body = text.slice(at, at + length);
    at += length;
  }
  return { arrival: { method, target, fields, body }, length: at };
}

const probeTarget = '/v1/probe';
const probe = (auth: string): string =>
  `GET ${probeTarget} HTTP/1.1\r\nHost: weir\r\n${auth}X-Probe: 1\r\nConnection: close\r\n\r\n`;

/** How the bytes of a row are cut before they are sent. */
export type Cut = 'whole' | 'two parts' | 'byte by byte';

function cut(bytes: string, how: Cut): string[] {
  if (how === 'byte by byte') return [...bytes];
  const middle = how === 'whole' ? bytes.length : bytes.length >> 1;
  return [bytes.slice(0, middle), bytes.slice(middle)];
}

/**
 * Sends a row, then a request that ends the connection: it is served if the connection goes on.
 * @param auth the line of a credential
 * @param over resolves when nothing is waited for any more; not there: never
 */
export async function play(
  row: Row,
  how: Cut,
  { port, auth, recorder }: { readonly port: number; readonly auth: string; readonly recorder: Recorder },
  over: Promise<void> = new Promise(() => {}),
): Promise<Seen> {
  recorder.arrivals.length = 0;
  await using caller = await openCaller(port);
  for (const part of cut(row.bytes.replaceAll('{auth}', auth), how)) {
    caller.send(part);
    if (how !== 'whole') await new Promise((resolve) => setImmediate(resolve));
  }
  caller.send(probe(auth));
  await Promise.race([caller.closed(), over]);
  const statuses = await statusesOf(caller);
  const goesOn = recorder.arrivals.some(isProbe);
  return {
    statuses: goesOn ? statuses.slice(0, -1) : statuses,
    goesOn,
    arrivals: recorder.arrivals.filter((arrival) => !isProbe(arrival)),
  };
}

const isProbe = ({ target }: Arrival): boolean => target === probeTarget;

async function statusesOf(caller: RawCaller): Promise<number[]> {
  const statuses: number[] = [];
  while (caller.unread.includes('\r\n\r\n')) statuses.push((await caller.answer()).status);
  return statuses;
}

/** What is wrong with what came of a row; null: nothing. @param own whether it was Weir that was asked */
export function faultIn(row: Row, seen: Seen, own = true): string | null {
  const { statuses, goesOn, reached } = row;
  const arrived = seen.arrivals.map(({ method, target, body }) => `${method} ${target} ${body}`);
  const wanted = reached.map(({ method, target, body }) => `${method} ${target} ${body}`);
  if (JSON.stringify(arrived) !== JSON.stringify(wanted)) return `arrived: ${JSON.stringify(arrived)}`;
  if (!own && reached.length === 0) {
    const isRefusal = seen.statuses.every((status) => status >= 300);
    return isRefusal && (goesOn || !seen.goesOn) ? null : `not refused: ${seen.statuses}, goes on: ${seen.goesOn}`;
  }
  if (JSON.stringify(seen.statuses) !== JSON.stringify(statuses)) return `answered: ${seen.statuses}`;
  if (seen.goesOn !== goesOn) return `goes on: ${seen.goesOn}`;
  const faults = reached.map((one, i) => faultInFields(one, seen.arrivals[i] as Arrival));
  return faults.find((fault) => fault !== null) ?? null;
}

function faultInFields({ has = {}, lacks = [] }: Reached, { fields }: Arrival): string | null {
  const valueIn = (name: string): string | null => {
    const values = fields.filter(([one]) => one === name).map(([, value]) => value);
    return values.length === 0 ? null : values.join(', ');
  };
  for (const [name, value] of Object.entries(has)) {
    if (valueIn(name) !== value) return `${name}: ${valueIn(name)}`;
  }
  const there = lacks.find((name) => valueIn(name) !== null);
  return there === undefined ? null : `${there} arrived`;
}
