/** Media of the Cloud API: uploaded as a form, and downloaded in two hops. */
import { createHash } from 'node:crypto';
import type { Answer, Asked } from '../server.ts';

/** Where the second hop leads. */
export const attachments = '/whatsapp_business/attachments/';
const urlLifeMs = 300_000;
const hashOf = (id: string, ext: string): string => createHash('sha256').update(`${id} ${ext}`).digest('base64url');

interface Medium {
  readonly type: string;
  readonly bytes: Buffer;
}

export class Media {
  readonly #media = new Map<string, Medium>();
  #uploads = 0;

  /** Null: it is no such form. */
  upload({ fields, body }: Asked): string | null {
    const parts = partsOf(fields['content-type'] ?? '', body);
    const file = parts.get('file');
    if (parts.get('messaging_product')?.bytes.toString() !== 'whatsapp' || file === undefined) return null;
    this.#uploads += 1;
    const id = String(1_000_000_000 + this.#uploads);
    const type = file.type ?? parts.get('type')?.bytes.toString() ?? 'application/octet-stream';
    this.#media.set(id, { type, bytes: file.bytes });
    return id;
  }

  delete(id: string): boolean {
    return this.#media.delete(id);
  }

  /** What a call tells of one; null: there is none. @param origin where it is downloaded from */
  about(id: string, origin: string, now: number): object | null {
    const medium = this.#media.get(id);
    if (medium === undefined) return null;
    const ext = String(Math.floor((now + urlLifeMs) / 1_000));
    return {
      url: `${origin}${attachments}?mid=${id}&ext=${ext}&hash=${hashOf(id, ext)}`,
      mime_type: medium.type,
      sha256: createHash('sha256').update(medium.bytes).digest('hex'),
      file_size: medium.bytes.length,
      id,
      messaging_product: 'whatsapp',
    };
  }

  /** A URL lives for 5 minutes, and says so itself. */
  download({ query }: Asked, now: number): Answer {
    const [mid, ext] = [query.get('mid') ?? '', query.get('ext') ?? ''];
    const medium = this.#media.get(mid);
    if (medium === undefined || now >= Number(ext) * 1_000 || query.get('hash') !== hashOf(mid, ext)) {
      return { status: 404 };
    }
    return { status: 200, fields: { 'Content-Type': medium.type }, body: medium.bytes };
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
