/** Steering over HTTP: which path and method is which order, and what its body has to say. */
import type { IncomingMessage } from 'node:http';
import type { Done, OnceOrder, StandingOrder } from '../observe/steering.ts';
import { json, type OpsPage, problem } from './page.ts';
import type { Look, Steer } from './ports.ts';
import { decoded } from './status.ts';

export const steeringPath = '/steering';

export const isSteeringPath = (path: string): boolean => path === steeringPath || path.startsWith(`${steeringPath}/`);

/** Longer bodies are not read. */
const bodyMaxBytes = 4_096;
const dayS = 86_400;
const defaultS = 3_600;

/** What a body may say. */
interface Field {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  /** Where nothing is said. Not there: it has to be said. */
  readonly otherwise?: number;
  readonly wanted: string;
}

const fields = {
  seconds: { min: 1, max: dayS, whole: true, otherwise: defaultS, wanted: `whole seconds from 1 to ${dayS}` },
  rate: {
    min: 0.001,
    max: 1_000_000,
    whole: false,
    wanted: 'requests a second from 0.001 to 1000000',
  },
  burst: { min: 1, max: 1_000_000, whole: true, wanted: 'a whole number from 1 to 1000000' },
} as const satisfies Record<string, Field>;

type FieldName = keyof typeof fields;
type Said = Readonly<Record<FieldName, number>>;

interface Kind {
  /** With one place for a name, in braces. */
  readonly path: string;
  readonly says: readonly FieldName[];
  readonly order: (name: string, said: Said) => StandingOrder;
}

/** In force for a while: PUT gives such an order, DELETE ends it. */
const standing: readonly Kind[] = [
  {
    path: '/steering/pauses/classes/{class}',
    says: ['seconds'],
    order: (name) => ({ kind: 'pauseClass', class: name }),
  },
  {
    path: '/steering/pauses/callers/{caller}',
    says: ['seconds'],
    order: (caller) => ({ kind: 'pauseCaller', caller }),
  },
  {
    path: '/steering/limits/{class}',
    says: ['rate', 'burst', 'seconds'],
    order: (name, { rate, burst }) => ({ kind: 'limit', class: name, rate, burst }),
  },
  {
    path: '/steering/drains/{replica}',
    says: ['seconds'],
    order: (replica) => ({ kind: 'drain', replica }),
  },
];

/** Done once, by POST. */
const once: readonly { readonly path: string; readonly order: (name: string) => OnceOrder }[] = [
  { path: '/steering/requests/{id}/end', order: (request) => ({ kind: 'endRequest', request }) },
  { path: '/steering/requests/{id}/first', order: (request) => ({ kind: 'first', request }) },
  { path: '/steering/callers/{caller}/end', order: (caller) => ({ kind: 'endCaller', caller }) },
];

/** As docs/reference/ops-port.openapi.yaml has them. */
export const steeringPaths: readonly string[] = [...standing, ...once].map(({ path }) => path);

const patternOf = ({ path }: { readonly path: string }): RegExp =>
  new RegExp(`^${path.replace(/\{\w+\}/, '([^/]+)')}$`);

/** Answers an operator. Whoever asks has shown the token. */
export async function steerPage(
  request: IncomingMessage,
  path: string,
  steer: Steer,
  look: Look | undefined,
): Promise<OpsPage> {
  const from = request.socket.remoteAddress ?? '';
  if (isFromElsewhere(request)) return problem(403, 'From another site', 'Orders of pages of other sites are refused.');
  const kind = standing.find((one) => patternOf(one).test(path));
  if (kind !== undefined) return await stand(request, path, kind, { steer, look, from });
  const single = once.find((one) => patternOf(one).test(path));
  if (single === undefined) return problem(404, 'No such order', 'The reference of the ops port has all of them.');
  if (request.method !== 'POST') return wrongMethod('POST');
  const name = nameIn(path, patternOf(single));
  return name === null ? badName : done(await steer.once(single.order(name), from));
}

interface Standing {
  readonly steer: Steer;
  readonly look: Look | undefined;
  /** An address. */
  readonly from: string;
}

async function stand(
  request: IncomingMessage,
  path: string,
  kind: Kind,
  { steer, look, from }: Standing,
): Promise<OpsPage> {
  const name = nameIn(path, patternOf(kind));
  if (name === null) return badName;
  if (request.method === 'DELETE') {
    const order = kind.order(name, { seconds: 1, rate: 1, burst: 1 });
    return json(200, await steer.lift(order, from));
  }
  if (request.method !== 'PUT') return wrongMethod('PUT, DELETE');
  const said = await readBody(request, kind.says);
  if ('contentType' in said) return said;
  const order = kind.order(name, said);
  const others = order.kind === 'drain' ? await otherNames(order.replica, look) : null;
  const wrong = others === null ? null : `${name}: there is no such replica. There are ${others}.`;
  const given = await steer.give(order, said.seconds * 1_000, from, wrong);
  return 'wrong' in given ? problem(422, 'Not possible', given.wrong) : json(200, given);
}

/** Those that are there where none has this name; null: one has it, or it cannot be told. */
async function otherNames(replica: string, look: Look | undefined): Promise<string | null> {
  const fleet = await look?.fleet();
  if (fleet === undefined || !fleet.complete || fleet.silent > 0) return null;
  const names = new Set(fleet.cards.map(({ name }) => name));
  return names.has(replica) ? null : [...names].join(', ');
}

function done(what: Done): OpsPage {
  if (what.requests === 0 && what.reach === 'replica') {
    return problem(404, 'No such request waits', 'It was answered, is in flight, rests, or never came.');
  }
  return json(what.requests === 0 ? 202 : 200, what);
}

const badName = problem(400, 'Bad name', 'The name in the path is no text in UTF-8, or has more than 512 characters.');

function nameIn(path: string, pattern: RegExp): string | null {
  const name = decoded(pattern.exec(path)?.[1] ?? '');
  return name === null || name.length > 512 ? null : name;
}

const wrongMethod = (allow: string): OpsPage =>
  problem(405, 'Method not allowed', `Allowed here: ${allow}.`, { allow });

/** A page of another site can't know the token. If it ever does, its orders are refused all the same. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

async function readBody(request: IncomingMessage, says: readonly FieldName[]): Promise<Said | OpsPage> {
  const bytes = await bytesOf(request);
  if (bytes === null) return problem(413, 'Body too large', `Give at most ${bodyMaxBytes} bytes.`);
  if (bytes.length === 0) return fill({}, says);
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    return problem(415, 'Not JSON', 'Send Content-Type: application/json.');
  let given: unknown;
  try {
    given = JSON.parse(bytes.toString());
  } catch {
    return problem(400, 'Not JSON', 'The body is no JSON.');
  }
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  return isObject ? fill(given as Record<string, unknown>, says) : problem(400, 'No object', 'Give a JSON object.');
}

async function bytesOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyMaxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function fill(given: Readonly<Record<string, unknown>>, says: readonly FieldName[]): Said | OpsPage {
  const stray = Object.keys(given).find((name) => !says.includes(name as FieldName));
  if (stray !== undefined) return problem(422, 'Unknown field', `${stray}: give ${says.join(', ')}.`);
  const said: Record<FieldName, number> = { seconds: defaultS, rate: 1, burst: 1 };
  for (const name of says) {
    const { min, max, whole, otherwise, wanted }: Field = fields[name];
    const value = Object.hasOwn(given, name) ? given[name] : otherwise;
    if (value === undefined) return problem(422, 'Missing field', `${name} is missing: give ${wanted}.`);
    const isRight = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
    if (!isRight) return problem(422, 'Bad value', `${name}: ${JSON.stringify(value)}; give ${wanted}.`);
    said[name] = value;
  }
  return said;
}
