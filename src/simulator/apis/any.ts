/**
 * APIs that say "slow down" each in its own way, by the first segment of the path: `/retry-after`, `/leaky`, `/reset`,
 * `/secondary`, `/v1/chat/completions`. Any other path is answered with what was asked.
 */
import { TokenBucket, wholeMs } from '../limits.ts';
import { type Answer, type Asked, objectIn, type SimulatedApi } from './server.ts';

export const anyDefaults = {
  /** Requests a second, and at once; of a language model: a second, the tokens are a thousand times as many. */
  rate: 2,
  burst: 10,
  /** How long an answer takes, milliseconds. */
  latencyMs: 5,
};

type AnySettings = Readonly<typeof anyDefaults>;

/** How a path says when to come back. */
type Kind = (asked: Asked, bucket: TokenBucket, now: number) => Answer;

export class SimulatedAny implements SimulatedApi {
  readonly name = 'API simulator';
  readonly #settings: AnySettings;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #accepted: Record<string, number> = {};
  readonly #refused: Record<string, number> = {};
  #tokens = 0;

  constructor(settings: AnySettings) {
    this.#settings = settings;
  }

  seen(): unknown {
    return { accepted: this.#accepted, refused: this.#refused, tokens: this.#tokens };
  }

  command(): boolean {
    return false;
  }

  async answer(asked: Asked): Promise<Answer> {
    const kind = asked.path === '/v1/chat/completions' ? 'chat' : (asked.path.split('/')[1] ?? '');
    const answer = this.#answerAs(kind, asked);
    const counts = answer.status < 300 ? this.#accepted : this.#refused;
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (this.#settings.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#settings.latencyMs));
    return answer;
  }

  #answerAs(kind: string, asked: Asked): Answer {
    const now = Date.now();
    const { rate, burst } = this.#settings;
    const isChat = kind === 'chat';
    const times = isChat ? 1_000 : 1;
    const limit = { ratePerS: times * rate, burst: times * burst };
    const bucket = this.#buckets.get(kind) ?? new TokenBucket(limit, now, wholeMs);
    this.#buckets.set(kind, bucket);
    if (isChat) return this.#chat(asked, bucket, now);
    return (kinds.get(kind) ?? echo)(asked, bucket, now);
  }

  /** Counts the tokens that are used; for what is asked for at most there has to be room. */
  #chat({ body }: Asked, bucket: TokenBucket, now: number): Answer {
    const asked = objectIn(body);
    const messages = JSON.stringify(asked?.['messages'] ?? '');
    const prompt = Math.ceil(messages.length / 4);
    const most = Number(asked?.['max_tokens'] ?? 256);
    if (!Number.isInteger(most) || most < 1)
      return { status: 400, body: { error: { message: 'max_tokens is wrong' } } };
    const completion = Math.min(most, 12);
    const waitMs = bucket.waitMs(now, prompt + most);
    if (waitMs === 0) bucket.take(now, prompt + completion);
    const told = {
      'x-ratelimit-remaining-tokens': String(bucket.left(now)),
      'x-ratelimit-reset-tokens': durationOf(waitMs > 0 ? waitMs : bucket.waitMs(now, bucket.burst)),
    };
    if (waitMs > 0)
      return { status: 429, fields: told, body: { error: { type: 'tokens', message: 'Rate limit reached' } } };
    const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
    this.#tokens += usage.total_tokens;
    if (asked?.['stream'] === true) {
      const part = JSON.stringify({ choices: [{ delta: { content: 'hello' } }] });
      return { status: 200, fields: told, events: [part, JSON.stringify({ choices: [], usage }), '[DONE]'] };
    }
    return {
      status: 200,
      fields: told,
      body: { choices: [{ message: { role: 'assistant', content: 'hello' } }], usage },
    };
  }
}

const seconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1_000)));

/** `6m0s`, `1.5s`. */
function durationOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms - 60_000 * minutes) / 1_000}s`;
}

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [
    'retry-after',
    (_, bucket, now) => {
      const waitMs = bucket.take(now);
      return waitMs > 0 ? { status: 429, fields: { 'Retry-After': seconds(waitMs) }, body: 'slow down' } : ok;
    },
  ],
  [
    'leaky',
    (_, bucket, now) => {
      const waitMs = bucket.take(now);
      const fields = { 'X-Api-Call-Limit': `${bucket.burst - bucket.left(now)}/${bucket.burst}` };
      return waitMs > 0
        ? { status: 429, fields: { ...fields, 'Retry-After': (waitMs / 1_000).toFixed(1) }, body: 'leaking' }
        : { ...ok, fields };
    },
  ],
  [
    'reset',
    ({ path }, bucket, now) => {
      const waitMs = bucket.take(now);
      const at = now + (waitMs > 0 ? waitMs : bucket.waitMs(now, bucket.burst));
      const written = { seconds: seconds(at - now), epochMs: String(Math.ceil(at)), text: durationOf(at - now) };
      const form = path.split('/')[2] ?? '';
      const reset = Object.hasOwn(written, form)
        ? written[form as keyof typeof written]
        : String(Math.ceil(at / 1_000));
      const fields = { 'X-RateLimit-Remaining': String(bucket.left(now)), 'X-RateLimit-Reset': reset };
      return waitMs > 0 ? { status: 429, fields, body: { message: 'API rate limit exceeded' } } : { ...ok, fields };
    },
  ],
  [
    'secondary',
    (_, bucket, now) => {
      const waitMs = bucket.take(now);
      if (waitMs === 0) return ok;
      const body = { message: 'You have exceeded a secondary rate limit.', documentation_url: 'secondary' };
      return { status: 403, fields: { 'Retry-After': seconds(waitMs), 'X-RateLimit-Remaining': '0' }, body };
    },
  ],
]);

const ok: Answer = { status: 200, body: { ok: true } };

const echo: Kind = ({ method, path, body }) => ({ status: 200, body: { method, path, bytes: body.length } });
