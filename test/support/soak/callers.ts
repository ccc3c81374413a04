/** Callers of every kind, on connections of their own: well-behaved, slow, large, and those that hang up. */
import { hash } from 'node:crypto';
import { openCaller, type RawCaller } from '../raw.ts';
import { pass } from '../until.ts';

/** What became of a request, as its caller saw it. */
export interface CallerEnd {
  readonly id: string;
  readonly method: string;
  /** Of the body, hexadecimal. */
  readonly sha256: string;
  /** `cut`: the answer broke off after its head. `gone`: the caller hung up. */
  readonly end: 'answered' | 'cut' | 'gone';
  /** 0: no answer came, or nobody waited for it. */
  readonly status: number;
  /** What a caller must never see; null: nothing of the kind. */
  readonly wrong: string | null;
}

interface CallerDeps {
  readonly port: number;
  readonly token: string;
  readonly random: () => number;
}

interface Request {
  readonly method: string;
  readonly target: string;
  readonly body: Buffer;
}

type Manner = (caller: RawCaller, request: Request, head: string, random: () => number) => Promise<'waits' | 'leaves'>;

const message = JSON.stringify({ to: '16315551000', type: 'text', text: { body: 'hello' } });
const contacts = JSON.stringify({ blocking: 'wait', contacts: ['+16315551000'] });

const length = ({ body }: Request): string => (body.length === 0 ? '' : `Content-Length: ${body.length}\r\n`);

/** How a caller may send its request, and whether it stays for the answer. */
const manners = {
  async atOnce(caller, request, head) {
    caller.send(`${head}${length(request)}\r\n`).send(request.body);
    return 'waits';
  },
  async inPieces(caller, request, head, random) {
    caller.send(`${head}${length(request)}\r\n`);
    for (const part of parts(request.body, 5)) {
      await pass(100 * random());
      caller.send(part);
    }
    return 'waits';
  },
  async inChunks(caller, request, head, random) {
    caller.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (const part of parts(request.body, 3)) {
      await pass(30 * random());
      caller
        .send(`${part.length.toString(16)}\r\n`)
        .send(part)
        .send('\r\n');
    }
    caller.send('0\r\n\r\n');
    return 'waits';
  },
  async inChunksAtOnce(caller, request, head) {
    const chunks = parts(request.body, 3).flatMap((part) => [`${part.length.toString(16)}\r\n`, part, '\r\n']);
    const bytes = [`${head}Transfer-Encoding: chunked\r\n\r\n`, ...chunks, '0\r\n\r\n'];
    caller.send(Buffer.concat(bytes.map((one) => Buffer.from(one))));
    return 'waits';
  },
  /** Announces a body, begins it, and sends no more. */
  async stalls(caller, _request, head) {
    caller.send(`${head}Content-Length: 1000\r\n\r\n0123456789`);
    return 'waits';
  },
  async hangsUpInItsBody(caller, _request, head, random) {
    caller.send(`${head}Content-Length: 100000\r\n\r\n`).send(Buffer.alloc(40_000));
    await pass(200 * random());
    return 'leaves';
  },
  async hangsUp(caller, request, head, random) {
    caller.send(`${head}${length(request)}\r\n`).send(request.body);
    await pass(random() < 0.5 ? 20 * random() : 1_500 * random());
    return 'leaves';
  },
} as const satisfies Readonly<Record<string, Manner>>;

export async function call(deps: CallerDeps, id: string): Promise<CallerEnd> {
  const { port, token, random } = deps;
  const request = requestOf(random);
  const { method, target } = request;
  const manner = mannerFor(request, random);
  const ended = (end: CallerEnd['end'], status: number, wrong: string | null): CallerEnd => ({
    id,
    method,
    sha256: hash('sha256', request.body, 'hex'),
    end,
    status,
    wrong: wrong === null ? null : `${id} (${method} ${target}, ${manner}): ${wrong}`,
  });
  try {
    await using caller = await openCaller(port);
    const head = `${method} ${target} HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\nX-Request-Id: ${id}\r\n`;
    if ((await manners[manner](caller, request, head, random)) === 'leaves') {
      caller.reset();
      return ended('gone', 0, null);
    }
    const answer = await caller.answer(method);
    const more = caller.unread.length > 0 ? `more than one answer: ${caller.unread}` : null;
    const wrong = more ?? wrongWith(answer.status, answer.field('via') !== undefined, answer.text);
    return ended(answer.whole ? 'answered' : 'cut', answer.status, wrong);
  } catch (error) {
    return ended('answered', 0, `no answer: ${(error as Error).message}`);
  }
}

/** A refusal of the Coreapp that came through has Weir's `Via`; one of Weir's own has not. */
function wrongWith(status: number, relayed: boolean, text: string): string | null {
  const allowed = [200, 201, 202, 404, 408, 413, 500, 502, 503, 504];
  if (!allowed.includes(status)) return `a ${status}: ${text}`;
  if (status === 503 && (relayed || !text.includes('1016'))) return `a 503 that is not Weir's own overload: ${text}`;
  return status === 500 && !relayed ? `a bug: ${text}` : null;
}

/** A body as it is, or the most that its length may be. */
const kinds: readonly (readonly [share: number, method: string, target: string, body: string | number])[] = [
  [0.5, 'POST', '/v1/messages', message],
  [0.1, 'GET', '/v1/contacts/16315551000/identity', ''],
  [0.08, 'PUT', '/v1/messages/m1', message],
  [0.08, 'DELETE', '/v1/settings/application', ''],
  [0.08, 'POST', '/v1/contacts', contacts],
  [0.08, 'POST', '/v1/media', 60_000],
  [0.04, 'POST', '/v1/media', 3_000_000],
  [0.02, 'POST', '/v1/media', 5_000_000],
  // The last one takes what rounding leaves.
  [0.03, 'GET', '/v1/media/none', ''],
];

function requestOf(random: () => number): Request {
  let left = random();
  const chosen = kinds.find(([share]) => {
    left -= share;
    return left < 0;
  });
  if (chosen === undefined) throw new Error('The shares of what is asked for do not add up to 1.');
  const [, method, target, body] = chosen;
  return {
    method,
    target,
    body: typeof body === 'string' ? Buffer.from(body) : Buffer.alloc(Math.ceil(body * random())),
  };
}

function mannerFor({ method, body }: Request, random: () => number): keyof typeof manners {
  const one = random();
  if (one < 0.1) return 'hangsUp';
  if (body.length === 0 || method === 'GET') return 'atOnce';
  if (one < 0.13) return 'hangsUpInItsBody';
  if (one < 0.15) return 'stalls';
  if (one < 0.25) return 'inPieces';
  if (one < 0.3) return 'inChunks';
  return one < 0.35 ? 'inChunksAtOnce' : 'atOnce';
}

function parts(body: Buffer, count: number): Buffer[] {
  const bytes = Math.max(1, Math.ceil(body.length / count));
  return Array.from({ length: Math.ceil(body.length / bytes) }, (_, i) => body.subarray(i * bytes, (i + 1) * bytes));
}
