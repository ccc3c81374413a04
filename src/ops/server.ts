import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { networkOf } from '../http/network.ts';
import { type Connection, ConnectionTable } from '../wire/connections.ts';
import { assets } from './assets.ts';
import { type Operator, wrongToken } from './operator.ts';
import { json, type OpsPage, problem, text } from './page.ts';
import { eventsPath, openPaths, opsPaths, pageFor, reloadPage, reloadPath } from './pages.ts';
import type { OpsSources } from './ports.ts';
import { readPageQuery, strayIn } from './query.ts';
import { isWaitPath, waitPage } from './status.ts';
import { isSteeringPath, steeringPath, steerPage } from './steer.ts';
import { Viewers } from './viewers.ts';

export interface OpsAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A file descriptor that listens already, in the place of host and port. Not there: none. */
  readonly fd?: number;
  /** Default: `opsConnectionsMax`. */
  readonly connectionsMax?: number;
  /** A reader that takes nothing of its answer for so long is cut off. Default: 10 s. */
  readonly stalledMaxMs?: number;
}

export interface Ops {
  readonly port: number;
  /** Stops listening; answers that are on their way are finished. */
  close(): Promise<void>;
}

/** Small on purpose: only probes and a few scrapers come here, and others must not keep this port busy. */
const limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  /** Longer than the usual scrape interval of a minute, so that a scraper keeps its connection. */
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1_000,
};
/**
 * Of these, one address has its share of what others leave. If all are taken, the one on which nothing has happened for
 * longest makes room. So a probe is always answered.
 */
export const opsConnectionsMax = 64;
const stalledMaxMs = 10_000;

/**
 * Opens the ops port.
 * @param operator who may steer, and see names
 * @param acceptFailed told where the port stays open, but a connection could not be accepted
 * Rejects with the system's error where the address can't be listened on.
 */
export async function startOps(
  address: OpsAddress,
  sources: OpsSources,
  operator: Operator,
  acceptFailed: (error: NodeJS.ErrnoException) => void = () => {},
): Promise<Ops> {
  const server = createServer(limits);
  server.timeout = address.stalledMaxMs ?? stalledMaxMs;
  const bound = boundConnections(server, address.connectionsMax ?? opsConnectionsMax);
  const viewers = new Viewers(sources);
  let answering = 0;
  let closing = false;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering += 1;
    const ended = bound.began(request.socket);
    response.once('close', () => {
      ended();
      answering -= 1;
      if (closing && answering === 0) server.closeAllConnections();
    });
    response.on('error', () => {}); // 'close' follows; unheard, it would end the process.
    const failed = (error: unknown): OpsPage => text(500, `failed: ${messageOf(error)}`);
    answerOrStream(request, response, { sources, operator, viewers })
      .catch(failed)
      .then((page) => (page === null ? undefined : send(request, response, page, closing)))
      .catch(() => response.destroy());
  });
  const { fd, port, host } = address;
  server.listen(fd === undefined ? { port, host } : { fd });
  await once(server, 'listening');
  server.on('error', acceptFailed);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        viewers.close();
        server.close(() => resolve());
        if (answering === 0) server.closeAllConnections();
      }),
  };
}

/**
 * Closes connections where there are too many. `began` is told of a request, and hands back what to call at its end.
 */
function boundConnections(server: Server, max: number): { began(socket: Socket): () => void } {
  const table = new ConnectionTable({ max, perAddressMax: null, closesBusy: true });
  const places = new WeakMap<Socket, Connection>();
  server.on('connection', (socket: Socket) => {
    const place = table.open(networkOf(socket.remoteAddress ?? ''), false, socket);
    if (place === null) return void socket.destroy();
    places.set(socket, place);
    socket.once('close', () => table.leave(place));
  });
  return {
    began(socket) {
      const place = places.get(socket);
      if (place === undefined) return () => {};
      table.began(place);
      return () => table.ended(place);
    },
  };
}

const answersOnly = (said: string, allow: string): OpsPage => ({
  ...text(405, `Only ${said} answered here.`),
  fields: { allow },
});
const methodNotAllowed = answersOnly('GET and HEAD are', 'GET, HEAD');
const wantsPost = answersOnly('POST is', 'POST');
const wantsGet = answersOnly('GET is', 'GET');
const nobodySteers = problem(403, 'Nobody may steer', 'Set ops.tokenFile: whoever shows that token may.');
const notFromHere = text(403, 'Only this machine may have the configuration reloaded: weir reload, or SIGHUP.');

interface Answering {
  readonly sources: OpsSources;
  readonly operator: Operator;
  readonly viewers: Viewers;
}

/** Null: it is a stream, which has begun. */
async function answerOrStream(
  request: IncomingMessage,
  response: ServerResponse,
  { sources, operator, viewers }: Answering,
): Promise<OpsPage | null> {
  const { path, query } = targetOf(request);
  if (path !== eventsPath) return await answer(request, sources, operator);
  if (request.method !== 'GET') return wantsGet;
  const isOperator = whoAsks(request, operator);
  if (typeof isOperator !== 'boolean') return isOperator;
  const chosen = readPageQuery(query);
  return 'contentType' in chosen ? chosen : viewers.add(response, { isOperator, names: operator.names, ...chosen });
}

function targetOf({ url = '' }: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', query = ''] = url.split(/\?(.*)/s, 2);
  return { path, query: new URLSearchParams(query) };
}

async function answer(request: IncomingMessage, sources: OpsSources, operator: Operator): Promise<OpsPage> {
  const { path, query } = targetOf(request);
  if (path === reloadPath) return await reload(request, sources);
  if (isSteeringPath(path)) return await steered(request, sources, operator);
  const page = pageFor(path);
  const asset = Object.hasOwn(assets, path) ? (assets[path] as OpsPage) : null;
  const isWait = isWaitPath(path);
  if (page === null && asset === null && !isWait)
    return text(404, `Nothing is here. There are /, ${opsPaths.join(', ')}.`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return methodNotAllowed;
  if (asset !== null) return asset;
  const isOperator = openPaths.has(path) ? false : whoAsks(request, operator);
  if (typeof isOperator !== 'boolean') return isOperator;
  const viewer = { isOperator, names: operator.names };
  if (page === null) return strayIn(query) ?? (await waitPage(sources, path, viewer));
  return await page(sources, { ...viewer, query, accept: request.headers.accept });
}

async function steered(request: IncomingMessage, { steer, look }: OpsSources, operator: Operator): Promise<OpsPage> {
  if (steer === undefined || !operator.isThere) return nobodySteers;
  const isOperator = whoAsks(request, operator);
  if (typeof isOperator !== 'boolean') return isOperator;
  if (!isOperator) return wrongToken;
  const { path, query } = targetOf(request);
  const stray = strayIn(query);
  if (stray !== null) return stray;
  if (path !== steeringPath) return await steerPage(request, path, steer, look);
  return request.method === 'GET' || request.method === 'HEAD' ? json(200, await steer.inForce()) : methodNotAllowed;
}

function whoAsks({ headers, socket }: IncomingMessage, operator: Operator): boolean | OpsPage {
  return operator.identify(headers.authorization, socket.remoteAddress ?? '');
}

/** A reload only takes up what the files say. Still, other machines must not have them read again and again. */
async function reload(request: IncomingMessage, sources: OpsSources): Promise<OpsPage> {
  if (!isFromHere(request.socket)) return notFromHere;
  if (request.method !== 'POST') return wantsPost;
  const stray = strayIn(targetOf(request).query);
  if (stray !== null) return stray;
  // It may take longer than a reader may stall: files are read until they are whole, and workers have their time.
  const { socket } = request;
  const { timeout = 0 } = socket;
  socket.setTimeout(0);
  const page = await reloadPage(sources);
  socket.setTimeout(timeout);
  return page;
}

function isFromHere({ remoteAddress = '', localAddress }: Socket): boolean {
  return remoteAddress === localAddress || /^(::ffff:)?127\.|^::1$/.test(remoteAddress);
}

function send(request: IncomingMessage, response: ServerResponse, page: OpsPage, closing: boolean): void {
  response.writeHead(page.status, {
    'content-type': page.contentType,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...page.fields,
    // A body that nobody wants to read ends the connection; so does the end of the server.
    ...(closing || (request.method !== 'GET' && request.method !== 'HEAD') ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : page.body);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
