/**
 * The Cloud API, as far as a sender meets it: messages with the limits of a number and of a pair, media, management
 * calls by the hour, the error bodies with their codes, usage fields, maintenance on command.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Bucket } from './bucket.ts';
import { type Answer, type Asked, objectIn, type SimulatedApi } from './server.ts';

export interface CloudSettings {
  /** Messages a second of one number, and at once. */
  readonly numberRate: number;
  /** Messages a second to one recipient, and at once. */
  readonly pairRate: number;
  readonly pairBurst: number;
  /** Management calls an hour. */
  readonly hourly: number;
  /** The status of what is refused for being too fast: the API's own is inconsistent. */
  readonly throttleStatus: number;
  /** Where media are downloaded from, an origin; empty: from where the call was made. */
  readonly mediaOrigin: string;
  /** The bearer token that is right; empty: any one. */
  readonly token: string;
  /** How long an answer takes, milliseconds. */
  readonly latencyMs: number;
}

export const cloudDefaults: CloudSettings = {
  numberRate: 80,
  pairRate: 1 / 6,
  pairBurst: 45,
  hourly: 200,
  throttleStatus: 400,
  token: '',
  mediaOrigin: '',
  latencyMs: 5,
};

const attachments = '/whatsapp_business/attachments/';
const urlLifeMs = 300_000;
const hashOf = (id: string, ext: string): string => createHash('sha256').update(`${id} ${ext}`).digest('base64url');

interface Recipient {
  readonly bucket: Bucket;
  /** What was accepted, in order: `biz_opaque_callback_data`, or the text of the message. */
  readonly accepted: string[];
}

const titles: Readonly<Record<number, string>> = {
  0: 'Authentication error',
  33: 'Parameter value is not valid',
  80007: 'Rate limit issues',
  100: 'Invalid parameter',
  130429: 'Rate limit hit',
  131009: 'Parameter value is not valid',
  131048: 'Spam rate limit hit',
  131056: '(Business Account, Consumer Account) pair rate limit hit',
  131057: 'Account in maintenance mode',
  190: 'Access token has expired',
};
const later: ReadonlySet<number> = new Set([80007, 130429, 131056, 131057]);

export class SimulatedCloud implements SimulatedApi {
  readonly name = 'Cloud API simulator';
  readonly #settings: CloudSettings;
  readonly #numbers = new Map<string, Bucket>();
  readonly #recipients = new Map<string, Recipient>();
  readonly #media = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly #management: Bucket;
  readonly #refused: Record<number, number> = {};
  readonly #seen = new Set<string>();
  #duplicates = 0;
  #uploads = 0;
  #accepted = 0;
  #maintenanceUntil = Number.NEGATIVE_INFINITY;
  #spamUntil = Number.NEGATIVE_INFINITY;

  constructor(settings: CloudSettings) {
    this.#settings = settings;
    this.#management = new Bucket(settings.hourly / 3_600, settings.hourly);
  }

  seen(): unknown {
    const recipients = [...this.#recipients].map(([to, { accepted }]) => [to, accepted] as const);
    return {
      accepted: this.#accepted,
      duplicates: this.#duplicates,
      refused: this.#refused,
      recipients: Object.fromEntries(recipients),
    };
  }

  command(what: string, query: URLSearchParams): boolean {
    const until = Date.now() + 1_000 * Number(query.get('seconds') ?? 5);
    if (what === 'maintenance') this.#maintenanceUntil = until;
    else if (what === 'spam') this.#spamUntil = until;
    else return false;
    return true;
  }

  async answer(asked: Asked): Promise<Answer> {
    const now = Date.now();
    const answer = this.#answerAt(asked, now);
    if (this.#settings.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#settings.latencyMs));
    return answer;
  }

  #answerAt(asked: Asked, now: number): Answer {
    const { token } = this.#settings;
    const shown = /^Bearer (\S+)$/i.exec(asked.fields.authorization ?? '')?.[1];
    if (shown === undefined || (token !== '' && shown !== token)) return this.#refuse(190, 401);
    if (asked.method === 'GET' && asked.path.startsWith(attachments)) return this.#download(asked, now);
    const [, version = '', id = '', what = ''] = asked.path.split('/');
    if (!/^v\d+\.\d+$/.test(version) || id === '') return this.#refuse(100, 400, 'Unknown path components');
    if (what === 'messages' && asked.method === 'POST') return this.#message(asked, id, now);
    if (what === 'media' && asked.method === 'POST') return this.#upload(asked);
    return this.#manage(asked, id, now);
  }

  #message({ body }: Asked, number: string, now: number): Answer {
    const message = objectIn(body);
    if (message === null || message['messaging_product'] !== 'whatsapp') {
      return this.#refuse(100, 400, 'messaging_product must be whatsapp');
    }
    if (now < this.#maintenanceUntil) return this.#refuse(131057);
    if (now < this.#spamUntil) return this.#refuse(131048);
    const of = this.#numbers.get(number) ?? new Bucket(this.#settings.numberRate, this.#settings.numberRate);
    this.#numbers.set(number, of);
    if (message['status'] === 'read') return { status: 200, body: { success: true } };
    const to = message['to'];
    if (typeof to !== 'string' || to === '') return this.#refuse(131009, 400, 'to is missing');
    const recipient = this.#recipientOf(`${number} ${to}`);
    if (of.left(now) === 0) return this.#refuse(130429);
    if (recipient.bucket.take(now) > 0) return this.#refuse(131056);
    of.take(now);
    const callback = message['biz_opaque_callback_data'];
    const mark = typeof callback === 'string' ? callback : JSON.stringify(message['text'] ?? null);
    if (callback === mark && this.#seen.has(mark)) this.#duplicates += 1;
    if (callback === mark) this.#seen.add(mark);
    recipient.accepted.push(mark);
    this.#accepted += 1;
    const id = `wamid.${randomBytes(24).toString('base64')}`;
    const contacts = [{ input: to, wa_id: to.replace(/\D/g, '') }];
    return { status: 200, body: { messaging_product: 'whatsapp', contacts, messages: [{ id }] } };
  }

  #recipientOf(key: string): Recipient {
    let recipient = this.#recipients.get(key);
    if (recipient === undefined) {
      recipient = { bucket: new Bucket(this.#settings.pairRate, this.#settings.pairBurst), accepted: [] };
      this.#recipients.set(key, recipient);
    }
    return recipient;
  }

  #upload({ fields, body }: Asked): Answer {
    const parts = partsOf(fields['content-type'] ?? '', body);
    const file = parts.get('file');
    if (parts.get('messaging_product')?.bytes.toString() !== 'whatsapp' || file === undefined) {
      return this.#refuse(100, 400, 'multipart/form-data with messaging_product and file');
    }
    this.#uploads += 1;
    const id = String(1_000_000_000 + this.#uploads);
    this.#media.set(id, {
      type: file.type ?? parts.get('type')?.bytes.toString() ?? 'application/octet-stream',
      bytes: file.bytes,
    });
    return { status: 200, body: { id } };
  }

  /** A URL lives for 5 minutes, and says so itself. */
  #download({ query }: Asked, now: number): Answer {
    const media = this.#media.get(query.get('mid') ?? '');
    const isOver = now >= Number(query.get('ext') ?? 0) * 1_000;
    const isRight = query.get('hash') === hashOf(query.get('mid') ?? '', query.get('ext') ?? '');
    if (media === undefined || isOver || !isRight) return { status: 404 };
    return { status: 200, fields: { 'Content-Type': media.type }, body: media.bytes };
  }

  #manage({ method, fields }: Asked, id: string, now: number): Answer {
    const waitMs = this.#management.take(now);
    const used = Math.round(100 * (1 - this.#management.left(now) / this.#settings.hourly));
    const minutes = Math.ceil(waitMs / 60_000);
    const usage = [
      {
        type: 'messaging',
        call_count: used,
        total_cputime: 1,
        total_time: 1,
        estimated_time_to_regain_access: minutes,
      },
    ];
    const told = { 'X-Business-Use-Case-Usage': JSON.stringify({ '1': usage }) };
    if (waitMs > 0) return { ...this.#refuse(80007), fields: told };
    const media = this.#media.get(id);
    if (media !== undefined && method === 'DELETE') {
      this.#media.delete(id);
      return { status: 200, fields: told, body: { success: true } };
    }
    if (media !== undefined) {
      const ext = String(Math.floor((now + urlLifeMs) / 1_000));
      const origin = this.#settings.mediaOrigin === '' ? `http://${fields.host}` : this.#settings.mediaOrigin;
      const url = `${origin}${attachments}?mid=${id}&ext=${ext}&hash=${hashOf(id, ext)}`;
      const sha256 = createHash('sha256').update(media.bytes).digest('hex');
      const body = {
        url,
        mime_type: media.type,
        sha256,
        file_size: media.bytes.length,
        id,
        messaging_product: 'whatsapp',
      };
      return { status: 200, fields: told, body };
    }
    return { status: 200, fields: told, body: method === 'GET' ? { id, data: [] } : { success: true } };
  }

  #refuse(code: number, status = this.#settings.throttleStatus, details?: string): Answer {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
    const title = titles[code] ?? 'Something went wrong';
    return {
      status,
      body: {
        error: {
          message: `(#${code}) ${title}`,
          type: 'OAuthException',
          code,
          error_data: { messaging_product: 'whatsapp', details: details ?? title },
          is_transient: later.has(code),
          fbtrace_id: randomBytes(8).toString('base64url'),
        },
      },
    };
  }
}

interface Part {
  readonly type: string | null;
  readonly bytes: Buffer;
}

/** The parts of a form by name (RFC 7578). */
function partsOf(contentType: string, body: Buffer): ReadonlyMap<string, Part> {
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  const parts = new Map<string, Part>();
  if (boundary === undefined) return parts;
  const mark = Buffer.from(`--${boundary}`);
  for (let at = body.indexOf(mark); at !== -1; ) {
    const next = body.indexOf(mark, at + mark.length);
    const headEnd = body.indexOf('\r\n\r\n', at);
    if (next === -1 || headEnd === -1 || headEnd > next) break;
    const head = body.subarray(at, headEnd).toString();
    const name = /;\s*name="([^"]*)"/i.exec(head)?.[1];
    const type = /^content-type:\s*(\S+)/im.exec(head)?.[1] ?? null;
    if (name !== undefined) parts.set(name, { type, bytes: body.subarray(headEnd + 4, next - 2) });
    at = next;
  }
  return parts;
}
