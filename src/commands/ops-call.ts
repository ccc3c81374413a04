/** A request to the ops port of the Weir on this machine. */
import { request } from 'node:http';

export interface OpsAnswer {
  /** Null: none came. */
  readonly status: number | null;
  readonly text: string;
}

interface OpsRequest {
  /** The operator's; null: none is shown. */
  readonly token?: string | null;
  /** As JSON. */
  readonly body?: object | undefined;
  readonly timeoutMs?: number;
}

export function askOps(method: string, url: string, asked: OpsRequest = {}): Promise<OpsAnswer> {
  const { token = null, body, timeoutMs = 30_000 } = asked;
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve) => {
    const failed = ({ message, code }: NodeJS.ErrnoException): void =>
      resolve({ status: null, text: message === '' ? (code ?? 'no answer') : message });
    const options = { method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) } as const;
    const asking = request(url, options, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        answer += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? null, text: answer.trim() }));
      response.on('error', failed);
    });
    asking.on('error', failed).end(text);
  });
}

/** What an answer says is wrong. */
export function wrongIn({ text }: OpsAnswer): string {
  try {
    const { title, detail } = JSON.parse(text) as { title?: string; detail?: string };
    return [title, detail].filter((part) => part !== undefined).join(': ');
  } catch {
    return text;
  }
}
