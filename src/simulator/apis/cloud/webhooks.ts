/**
 * What the Cloud API tells of messages by itself: statuses, several in one POST, signed, and again until they are taken.
 * Their order is not kept, as the vendor does not keep it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { titles } from './errors.ts';

export interface WebhookSettings {
  /** Where they go; empty: nowhere. */
  readonly webhookUrl: string;
  /** What the receiver asks for before it takes any. */
  readonly verifyToken: string;
  /** The key of their signature; empty: they have none. */
  readonly appSecret: string;
}

/** A message that was accepted. */
interface Accepted {
  readonly id: string;
  readonly number: string;
  readonly to: string;
  readonly callback: string | null;
  /** Why it will not arrive, a code; null: it will. */
  readonly fails: number | null;
}

interface Update {
  readonly number: string;
  readonly status: object;
}

/** How long updates are gathered, milliseconds, and how many go in one POST. */
const gatherMs = 20;
const batchMax = 1_000;
/** It is tried again after so long, and then after twice as long, …, so often. */
const retryMs = 100;
const retriesMax = 10;
/** A receiver that takes longer has not taken it. */
const patienceMs = 10_000;

export class Webhooks {
  readonly #settings: WebhookSettings;
  #updates: Update[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #told = 0;
  #failedPosts = 0;
  #dropped = 0;
  #verified: Promise<boolean> = Promise.resolve(false);
  #isVerified = false;
  readonly #closing = new AbortController();

  constructor(settings: WebhookSettings) {
    this.#settings = settings;
  }

  open(): void {
    if (this.#settings.webhookUrl !== '') this.#verified = this.#verify();
  }

  /** For `GET /_simulator/seen`. */
  seen(): object {
    const waiting = this.#updates.length;
    const verified = this.#isVerified;
    return { verified, told: this.#told, waiting, failedPosts: this.#failedPosts, dropped: this.#dropped };
  }

  accepted(message: Accepted): void {
    if (this.#settings.webhookUrl === '' || this.#isClosed) return;
    const { id, number, to, callback, fails } = message;
    const statuses = fails === null ? ['sent', 'delivered', 'read'] : ['sent', 'failed'];
    const common = {
      id,
      timestamp: String(Math.floor(Date.now() / 1_000)),
      recipient_id: to.replace(/\D/g, ''),
      ...(callback !== null && { biz_opaque_callback_data: callback }),
    };
    const pricing = { billable: true, pricing_model: 'PMP', type: 'regular', category: 'service' };
    for (const status of statuses) {
      const more = status === 'failed' ? { errors: [errorIn(fails ?? 0)] } : { pricing };
      this.#updates.push({ number, status: { ...common, status, ...more } });
    }
    if (this.#updates.length === statuses.length) this.#after(gatherMs, () => void this.#flush());
  }

  close(): void {
    this.#closing.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #patience(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(patienceMs)]);
  }

  #after(ms: number, call: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, ms);
    this.#timers.add(timer);
  }

  async #flush(): Promise<void> {
    const updates = this.#updates;
    this.#updates = [];
    if (!(await this.#verifiedAtLast())) {
      this.#dropped += updates.length;
      return;
    }
    for (let i = 0; i < updates.length; i += batchMax) void this.#post(updates.slice(i, i + batchMax), 0);
  }

  /** A receiver that was not there at the start, or said something else, is asked once more. */
  async #verifiedAtLast(): Promise<boolean> {
    if (await this.#verified) return true;
    this.#verified = this.#verify();
    return await this.#verified;
  }

  /** As at the receiver's registration: it has to say a word back. */
  async #verify(): Promise<boolean> {
    const { webhookUrl, verifyToken } = this.#settings;
    const challenge = randomBytes(8).toString('hex');
    const asked = new URL(webhookUrl);
    asked.searchParams.set('hub.mode', 'subscribe');
    asked.searchParams.set('hub.verify_token', verifyToken);
    asked.searchParams.set('hub.challenge', challenge);
    try {
      const told = await fetch(asked, { signal: this.#patience() });
      this.#isVerified = (await told.text()) === challenge && told.status === 200;
      return this.#isVerified;
    } catch {
      return false;
    }
  }

  async #post(updates: readonly Update[], retries: number): Promise<void> {
    const { webhookUrl, appSecret } = this.#settings;
    const body = JSON.stringify(bodyOf(updates));
    const fields: Record<string, string> = { 'Content-Type': 'application/json' };
    if (appSecret !== '') {
      fields['X-Hub-Signature-256'] = `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`;
    }
    const taken = await fetch(webhookUrl, { method: 'POST', headers: fields, body, signal: this.#patience() }).then(
      async (told) => {
        await told.arrayBuffer();
        return told.status === 200;
      },
      () => false,
    );
    if (taken) this.#told += updates.length;
    else if (retries < retriesMax && !this.#isClosed) {
      this.#failedPosts += 1;
      this.#after(retryMs * 2 ** retries, () => void this.#post(updates, retries + 1));
    } else this.#dropped += updates.length;
  }
}

function errorIn(code: number): object {
  const title = titles[code] ?? 'Something went wrong';
  return { code, title, message: title, error_data: { details: title } };
}

/** One change for each number. */
function bodyOf(updates: readonly Update[]): object {
  const changes = [...Map.groupBy(updates, ({ number }) => number)].map(([number, of]) => ({
    field: 'messages',
    value: {
      messaging_product: 'whatsapp',
      metadata: { display_phone_number: number, phone_number_id: number },
      statuses: of.map(({ status }) => status),
    },
  }));
  return { object: 'whatsapp_business_account', entry: [{ id: '1', changes }] };
}
