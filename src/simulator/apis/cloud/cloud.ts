/**
 * The Cloud API, as far as a sender meets it: messages with the limits of a number and of a pair, templates, media,
 * management calls by the hour, the error bodies with their codes, usage fields, webhooks, and trouble on command.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { TokenBucket, wholeMs } from '../../limits.ts';
import { type Answer, type Asked, objectIn, type SimulatedApi } from '../server.ts';
import { errorAnswer } from './errors.ts';
import { attachments, Media } from './media.ts';
import { Templates } from './templates.ts';
import { type WebhookSettings, Webhooks } from './webhooks.ts';

const webhookDefaults: WebhookSettings = { webhookUrl: '', verifyToken: '', appSecret: '' };

export const cloudDefaults = {
  /** Messages a second of one number, and at once. */
  numberRate: 80,
  /** Messages a second to one recipient, and at once. */
  pairRate: 1 / 6,
  pairBurst: 45,
  /** Management calls an hour. */
  hourly: 200,
  /** The status of what is refused for being too fast: the API's own is inconsistent. */
  throttleStatus: 400,
  /** The bearer token that is right; empty: any one. */
  token: '',
  /** Where media are downloaded from, an origin; empty: the host of the call, at the port of the media's own. */
  mediaOrigin: '',
  ...webhookDefaults,
  /** How long an answer takes, milliseconds. */
  latencyMs: 5,
};

type CloudSettings = Readonly<typeof cloudDefaults>;

interface Recipient {
  readonly bucket: TokenBucket;
  /** What was accepted, in order: `biz_opaque_callback_data`, or the text of the message. */
  readonly accepted: string[];
}

const bucketOf = (ratePerS: number, burst: number, now: number) => new TokenBucket({ ratePerS, burst }, now, wholeMs);

export class SimulatedCloud implements SimulatedApi {
  readonly name = 'Cloud API simulator';
  /** The host of media, if it is one of its own: what listens there is this. */
  readonly mediaHost: SimulatedApi;
  readonly #settings: CloudSettings;
  readonly #numbers = new Map<string, TokenBucket>();
  readonly #recipients = new Map<string, Recipient>();
  readonly #media = new Media();
  readonly #templates = new Templates();
  readonly #webhooks: Webhooks;
  readonly #management: TokenBucket;
  readonly #refused: Record<number, number> = {};
  readonly #seen = new Set<string>();
  /** To whom a message will not arrive, and who has not written for a day. */
  readonly #undeliverable = new Set<string>();
  readonly #closed = new Set<string>();
  /** Numbers whose account has reached its limit, and until when. */
  readonly #limited = new Map<string, number>();
  /** Null: media are downloaded from where calls go. */
  #mediaPort: number | null = null;
  #duplicates = 0;
  #accepted = 0;
  #maintenanceUntil = Number.NEGATIVE_INFINITY;
  #spamUntil = Number.NEGATIVE_INFINITY;

  constructor(settings: CloudSettings) {
    this.#settings = settings;
    this.#management = bucketOf(settings.hourly / 3_600, settings.hourly, Date.now());
    this.#webhooks = new Webhooks(settings);
    this.mediaHost = {
      name: 'Media',
      answer: (asked) => this.#answerLater(asked, (one, now) => this.#download(one, now)),
      seen: () => this.seen(),
      command: (what, query) => this.command(what, query),
    };
  }

  /** From now on media are downloaded at that port, and no longer where calls go. */
  mediaAt(port: number): void {
    this.#mediaPort = port;
  }

  open(): void {
    this.#webhooks.open();
  }

  seen(): unknown {
    const recipients = [...this.#recipients].map(([to, { accepted }]) => [to, accepted] as const);
    return {
      accepted: this.#accepted,
      duplicates: this.#duplicates,
      refused: this.#refused,
      webhooks: this.#webhooks.seen(),
      recipients: Object.fromEntries(recipients),
    };
  }

  command(what: string, query: URLSearchParams): boolean {
    const until = Date.now() + 1_000 * Number(query.get('seconds') ?? 5);
    const to = query.get('to');
    if (Number.isNaN(until)) return false;
    if (what === 'maintenance') this.#maintenanceUntil = until;
    else if (what === 'spam') this.#spamUntil = until;
    else if (what === 'undeliverable' && to !== null) this.#undeliverable.add(to);
    else if (what === 'account' && query.get('number') !== null) this.#limited.set(query.get('number') ?? '', until);
    else if (what === 'window' && to !== null) this.#closed.add(to);
    else return false;
    return true;
  }

  close(): void {
    this.#webhooks.close();
  }

  answer(asked: Asked): Promise<Answer> {
    return this.#answerLater(asked, (one, now) => this.#answerAt(one, now));
  }

  async #answerLater(asked: Asked, answerAt: (asked: Asked, now: number) => Answer): Promise<Answer> {
    const answer = answerAt(asked, Date.now());
    if (this.#settings.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#settings.latencyMs));
    return answer;
  }

  #answerAt(asked: Asked, now: number): Answer {
    const shown = this.#tokenOf(asked);
    if (shown === null) return this.#refuse(190, 401);
    if (this.#mediaPort === null && asked.path.startsWith(attachments)) return this.#download(asked, now);
    const [, version = '', id = '', what = ''] = asked.path.split('/');
    if (!/^v\d+\.\d+$/.test(version) || id === '') return this.#refuse(100, 400, 'Unknown path components');
    if (!this.#isProved(shown, asked.query.get('appsecret_proof'))) {
      return this.#refuse(100, 400, 'Invalid appsecret_proof provided in the API argument');
    }
    const answer = this.#answerTo(asked, id, what, now);
    return { ...answer, fields: { 'facebook-api-version': version, ...answer.fields } };
  }

  /** Null: it is not the right one. */
  #tokenOf({ fields }: Asked): string | null {
    const { token } = this.#settings;
    const shown = /^Bearer (\S+)$/i.exec(fields.authorization ?? '')?.[1];
    return shown === undefined || (token !== '' && shown !== token) ? null : shown;
  }

  #download(asked: Asked, now: number): Answer {
    if (this.#tokenOf(asked) === null) return { status: 401 };
    return asked.method === 'GET' && asked.path.startsWith(attachments)
      ? this.#media.download(asked, now)
      : { status: 404 };
  }

  #mediaOriginFor(host: string): string {
    const { mediaOrigin } = this.#settings;
    if (mediaOrigin !== '') return mediaOrigin;
    if (this.#mediaPort === null || !URL.canParse(`http://${host}`)) return `http://${host}`;
    return `http://${new URL(`http://${host}`).hostname}:${this.#mediaPort}`;
  }

  /** What is not asked for need not be there; what is there has to be right. */
  #isProved(token: string, proof: string | null): boolean {
    const { appSecret } = this.#settings;
    if (proof === null || appSecret === '') return true;
    return proof === createHmac('sha256', appSecret).update(token).digest('hex');
  }

  #answerTo(asked: Asked, id: string, what: string, now: number): Answer {
    if (what === 'messages' && asked.method === 'POST') return this.#message(asked, id, now);
    if (what !== 'media' || asked.method !== 'POST') return this.#manage(asked, id, what, now);
    const uploaded = this.#media.upload(asked);
    return uploaded === null
      ? this.#refuse(100, 400, 'multipart/form-data with messaging_product and file')
      : { status: 200, body: { id: uploaded } };
  }

  #message({ body }: Asked, number: string, now: number): Answer {
    const message = objectIn(body);
    if (message === null || message['messaging_product'] !== 'whatsapp') {
      return this.#refuse(100, 400, 'messaging_product must be whatsapp');
    }
    if (now < this.#maintenanceUntil) return this.#refuse(131057);
    if (now < this.#spamUntil) return this.#refuse(131048);
    if (now < (this.#limited.get(number) ?? 0)) return this.#refuse(80007);
    const of = this.#numbers.get(number) ?? bucketOf(this.#settings.numberRate, this.#settings.numberRate, now);
    this.#numbers.set(number, of);
    if (message['status'] === 'read') return this.#markAsRead(message['message_id']);
    const to = message['to'];
    if (typeof to !== 'string' || to === '') return this.#refuse(131009, 400, 'to is missing');
    const isTemplate = message['type'] === 'template';
    const wrong = isTemplate ? this.#templates.wrong(message['template']) : null;
    if (wrong !== null) return this.#refuse(wrong, 400);
    if (!isTemplate && this.#closed.has(to)) return this.#refuse(131047, 400);
    const recipient = this.#recipientOf(`${number} ${to}`, now);
    if (of.left(now) === 0) return this.#refuse(130429);
    if (recipient.bucket.take(now) > 0) return this.#refuse(131056);
    of.take(now);
    return this.#accept(message, number, to, recipient);
  }

  #markAsRead(id: unknown): Answer {
    const isOne = typeof id === 'string' && id.startsWith('wamid.');
    return isOne ? { status: 200, body: { success: true } } : this.#refuse(131009, 400, 'message_id is none');
  }

  #accept(message: Readonly<Record<string, unknown>>, number: string, to: string, recipient: Recipient): Answer {
    const given = message['biz_opaque_callback_data'];
    const callback = typeof given === 'string' ? given : null;
    if (callback !== null && this.#seen.has(callback)) this.#duplicates += 1;
    if (callback !== null) this.#seen.add(callback);
    recipient.accepted.push(callback ?? JSON.stringify(message['text'] ?? null));
    this.#accepted += 1;
    const id = `wamid.${randomBytes(24).toString('base64')}`;
    const fails = this.#undeliverable.has(to) ? 131026 : null;
    this.#webhooks.accepted({ id, number, to, callback, fails });
    const contacts = [{ input: to, wa_id: to.replace(/\D/g, '') }];
    return { status: 200, body: { messaging_product: 'whatsapp', contacts, messages: [{ id }] } };
  }

  #recipientOf(key: string, now: number): Recipient {
    let recipient = this.#recipients.get(key);
    if (recipient === undefined) {
      recipient = { bucket: bucketOf(this.#settings.pairRate, this.#settings.pairBurst, now), accepted: [] };
      this.#recipients.set(key, recipient);
    }
    return recipient;
  }

  #manage(asked: Asked, id: string, what: string, now: number): Answer {
    const waitMs = this.#management.take(now);
    const used = Math.round(100 * (1 - this.#management.left(now) / this.#settings.hourly));
    const shares = { call_count: used, total_cputime: 1, total_time: 1 };
    const minutes = Math.ceil(waitMs / 60_000);
    const usage = [{ type: 'messaging', ...shares, estimated_time_to_regain_access: minutes }];
    const fields = {
      'X-App-Usage': JSON.stringify(shares),
      'X-Business-Use-Case-Usage': JSON.stringify({ '1': usage }),
    };
    const answer = waitMs > 0 ? this.#refuse(80007) : this.#managed(asked, id, what, now);
    return { ...answer, fields };
  }

  #managed({ method, fields, query, body }: Asked, id: string, what: string, now: number): Answer {
    if (what === 'message_templates' && method === 'GET') return { status: 200, body: this.#templates.list() };
    if (what === 'message_templates' && method === 'POST') {
      const made = this.#templates.create(body);
      return made === null ? this.#refuse(100, 400, 'name and language are missing') : { status: 200, body: made };
    }
    if (method === 'DELETE' && what === '' && this.#media.delete(id)) return { status: 200, body: { success: true } };
    const medium = what === '' ? this.#media.about(id, this.#mediaOriginFor(fields.host ?? ''), now) : null;
    if (medium !== null) return { status: 200, body: medium };
    if (method !== 'GET') return { status: 200, body: { success: true } };
    const wanted = (query.get('fields') ?? '').split(',');
    const told = Object.entries(this.#aboutNumber()).filter(([name]) => wanted.includes(name));
    return { status: 200, body: told.length === 0 ? { id, data: [] } : { ...Object.fromEntries(told), id } };
  }

  #aboutNumber(): Readonly<Record<string, object>> {
    const level = this.#settings.numberRate > 80 ? 'HIGH' : 'STANDARD';
    return { throughput: { level }, health_status: { can_send_message: 'AVAILABLE', entities: [] } };
  }

  #refuse(code: number, status = this.#settings.throttleStatus, details?: string): Answer {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
    return errorAnswer(code, status, details);
  }
}
