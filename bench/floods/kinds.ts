/** What can be scarce, who floods it, and what a small caller asks for beside that flood. */

import { basic } from '../../test/support/basic.ts';
import { body } from '../measure.ts';
import type { Unheard } from './firewall.ts';
import type { FloodOrder } from './flood.ts';
import type { SmallRequest } from './small.ts';

/** Who is who: each has logged in, most of them once. */
export interface Cast {
  readonly port: number;
  readonly opsPort: number;
  readonly small: string;
  readonly greedy: readonly string[];
  readonly greedier: string;
}

export interface Kind {
  readonly name: string;
  /** More YAML for Weir. */
  readonly settings?: string;
  /** The limits of messages; not there: out of the way, as are those of other classes. */
  readonly messages?: string;
  /** Those of one more class. */
  readonly limits?: string;
  /** Whether Weir needs a Redis. */
  readonly redis?: boolean;
  /** How many tokens the greedy user has. */
  readonly tokens?: number;
  /** True: both ask the ops port. */
  readonly ops?: boolean;
  /** What of the flood never arrives. */
  readonly unheard?: Unheard;
  readonly small: (cast: Cast) => SmallRequest;
  readonly flood: (cast: Cast) => WithoutPort<FloodOrder>;
}

type WithoutPort<Order> = Order extends unknown ? Omit<Order, 'port'> : never;

export const password = 'Bench-2027!';
export const names = { small: 'small', greedy: 'greedy', greedier: 'greedier' } as const;

const stranger = ['127.0.0.2'];
const greedyOnes = ['127.0.0.3', '127.0.0.4'];
const manyAddresses = Array.from({ length: 250 }, (_, i) => `127.0.1.${i + 1}`);

const halfOpen = Array.from({ length: 250 }, (_, i) => `127.8.0.${i + 1}`);
const vanishing = Array.from({ length: 250 }, (_, i) => `127.9.0.${i + 1}`);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A request as bytes. */
function bytes(line: string, fields: Readonly<Record<string, string>>, text = ''): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = line.startsWith('GET') || 'content-length' in fields ? '' : `content-length: ${text.length}\r\n`;
  return `${line} HTTP/1.1\r\nhost: weir\r\n${lines.join('')}${length}\r\n${text}`;
}

const message = ({ small }: Cast): SmallRequest => ({
  method: 'POST',
  path: '/v1/messages',
  headers: bearer(small),
  body,
  rate: 50,
});
const login = (): SmallRequest => ({
  method: 'POST',
  path: '/v1/users/login',
  headers: { authorization: basic(names.small, password) },
  rate: 3,
});
const websocket = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'a2V5' };
const first = ({ greedy }: Cast): Record<string, string> => bearer(greedy[0] as string);

export const kinds: readonly Kind[] = [
  {
    name: 'slow downloads',
    small: (cast) => ({ method: 'GET', path: '/v1/media/1', headers: bearer(cast.small), rate: 50 }),
    flood: (cast) => ({
      ...{ does: 'read slowly', bytesPerS: 16_000, connections: 24, from: greedyOnes },
      requests: [bytes('GET /v1/media/large', first(cast))],
    }),
  },
  {
    name: 'slow uploads',
    small: message,
    flood: (cast) => ({
      ...{ does: 'write slowly', bodyBytes: 1_048_576, bytesPerS: 600, connections: 68, from: greedyOnes },
      requests: [cast.greedy[0] as string, cast.greedier].map((token) =>
        bytes('POST /v1/messages', { ...bearer(token), 'content-length': '1048576' }),
      ),
    }),
  },
  {
    name: 'logins, right',
    small: login,
    flood: () => ({
      ...{ does: 'repeat', connections: 300, from: greedyOnes },
      requests: [bytes('POST /v1/users/login', { authorization: basic(names.greedy, password) })],
    }),
  },
  {
    name: 'logins, wrong, of many addresses',
    small: login,
    flood: () => ({
      ...{ does: 'repeat', connections: 250, from: manyAddresses },
      requests: [bytes('POST /v1/users/login', { authorization: basic('somebody-{n}', password) })].concat(
        bytes('POST /v1/users/login', { authorization: basic(names.greedier, 'Wrong-2027!') }),
      ),
    }),
  },
  {
    name: 'made-up tokens',
    small: message,
    flood: () => ({
      ...{ does: 'repeat', connections: 50, from: stranger },
      requests: [bytes('GET /v1/contacts', bearer('x'.repeat(43)))],
    }),
  },
  {
    name: 'metrics',
    small: message,
    flood: (cast) => ({
      ...{ does: 'repeat', connections: 50, from: greedyOnes },
      requests: [bytes('GET /v1/metrics?format=prometheus', first(cast))],
    }),
  },
  {
    name: 'connections of a stranger',
    settings: 'http: { connectionsMax: 2000 }\n',
    small: (cast) => ({ ...message(cast), rate: 20, fresh: true }),
    flood: () => ({
      ...{ does: 'stay', connections: 2_500, from: stranger },
      requests: [bytes('GET /v1/contacts', {})],
    }),
  },
  {
    name: 'connections to the ops port',
    ops: true,
    small: () => ({ method: 'GET', path: '/livez', headers: {}, rate: 10, fresh: true }),
    flood: () => ({ ...{ does: 'stay', connections: 200, from: stranger }, requests: [bytes('GET /livez', {})] }),
  },
  {
    name: 'tunnels',
    small: (cast) => ({
      method: 'GET',
      path: '/v1/socket',
      headers: { ...bearer(cast.small), ...websocket },
      rate: 10,
      fresh: true,
    }),
    flood: (cast) => ({
      ...{ does: 'stay', connections: 1_200, from: greedyOnes },
      requests: [bytes('GET /v1/socket', { ...first(cast), ...websocket })],
    }),
  },
  {
    name: '429 with Retry-After: 86400',
    small: (cast) => ({ ...message(cast), path: '/v1/contacts' }),
    flood: (cast) => ({
      ...{ does: 'repeat', connections: 20, from: greedyOnes },
      requests: [bytes('POST /v1/contacts/refused', first(cast), '{}')],
    }),
  },
  {
    name: 'a long line of one user',
    messages: '{ rate: 500, burst: 50 }',
    small: (cast) => ({ ...message(cast), rate: 20 }),
    flood: (cast) => ({
      ...{ does: 'repeat', connections: 1_000, from: greedyOnes },
      requests: [bytes('POST /v1/messages', first(cast), body)],
    }),
  },
  {
    // A tenth of the defaults of auth.tokensPerUserMax and auth.tokenMemoryMax.
    name: 'many tokens',
    settings: 'auth: { tokensPerUserMax: 100, tokenMemoryMax: 1000 }\n',
    redis: true,
    tokens: 120,
    small: message,
    flood: (cast) => ({
      ...{ does: 'repeat', connections: 20, from: greedyOnes },
      requests: cast.greedy.map((token) => bytes('POST /v1/messages', bearer(token), body)),
    }),
  },
  {
    name: 'invented values of a scope',
    limits: 'contacts: { rate: 1, burst: 10, scope: "header:X-Number", scopesMax: 1000 }',
    small: (cast) => ({
      ...message(cast),
      path: '/v1/contacts',
      headers: { ...bearer(cast.small), 'x-number': 'small-{n}' },
      rate: 10,
    }),
    flood: (cast) => ({
      ...{ does: 'repeat', connections: 20, from: greedyOnes },
      requests: [bytes('POST /v1/contacts', { ...first(cast), 'x-number': '{n}' }, '{}')],
    }),
  },
  {
    name: 'slow heads',
    small: message,
    flood: () => ({
      // A byte each 100 ms, of a field that never ends.
      ...{ does: 'write slowly', bodyBytes: 1_048_576, bytesPerS: 10, connections: 2_000, from: manyAddresses },
      requests: ['GET /v1/contacts HTTP/1.1\r\nHost: weir\r\nX-A: '],
    }),
  },
  {
    name: 'slow bodies of strangers',
    small: message,
    flood: (cast) => ({
      ...{ does: 'write slowly', bodyBytes: 1_000, bytesPerS: 10, connections: 2_000, from: manyAddresses },
      requests: [bytes('POST /v1/messages', { ...first(cast), 'content-length': '1000' })],
    }),
  },
  {
    name: 'slow readers',
    small: message,
    flood: (cast) => ({
      ...{ does: 'read slowly', bytesPerS: 2_000, connections: 2_000, from: manyAddresses },
      requests: [bytes('GET /v1/media/large', first(cast))],
    }),
  },
  {
    name: 'idle connections',
    small: message,
    flood: () => ({ ...{ does: 'stay', connections: 5_000, from: manyAddresses }, requests: [''] }),
  },
  {
    name: 'aborts',
    small: message,
    flood: (cast) => ({
      ...{ does: 'abort', afterMs: 20, connections: 25, from: greedyOnes },
      requests: [bytes('POST /v1/messages', first(cast), body)],
    }),
  },
  {
    name: 'connections that are shut on one side',
    small: message,
    flood: () => ({
      ...{ does: 'shut', connections: 500, from: manyAddresses },
      requests: [bytes('GET /v1/contacts', {})],
    }),
  },
  {
    name: 'a gigabyte to one that reads slowly',
    small: message,
    flood: (cast) => ({
      ...{ does: 'read slowly', bytesPerS: 16_000, connections: 4, from: greedyOnes },
      requests: [bytes('GET /v1/media/huge', first(cast))],
    }),
  },
  {
    name: 'half-open: handshakes that are never finished',
    unheard: { from: '127.8.0.0/16', what: 'handshakes' },
    small: (cast) => ({ ...message(cast), rate: 20, fresh: true }),
    flood: () => ({ ...{ does: 'stay', connections: 2_000, from: halfOpen }, requests: [''] }),
  },
  {
    name: 'half-open: callers that vanish behind their answer',
    unheard: { from: '127.9.0.0/16', what: 'ends' },
    small: (cast) => ({ ...message(cast), rate: 20, fresh: true }),
    flood: (cast) => ({
      ...{ does: 'abort', afterMs: 100, connections: 25, from: vanishing },
      requests: [bytes('POST /v1/messages', first(cast), body)],
    }),
  },
];
