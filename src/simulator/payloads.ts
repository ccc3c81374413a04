/**
 * What the Coreapp answers, endpoint by endpoint (docs/reference/webapp-contract.md, "Endpoints" and "Answers"). The
 * answers are plausible, but nothing is remembered: only media come back as they were posted. What a message says is
 * not checked.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Call, EndpointTable, Handler } from './endpoints.ts';
import { type Answer, answer, failure, metaJson } from './envelope.ts';
import { Generations } from './generations.ts';

/** `status`: of an answer that has nothing to tell. */
const done = (status = 200): Handler => always(answer(status, {}));

const always =
  (fixed: Answer): Handler =>
  () =>
    fixed;

const ok = (payload: Readonly<Record<string, unknown>>): Handler => always(answer(200, payload));

const idPrefix = `gBEG${randomBytes(9).toString('base64url')}`;
let messages = 0;

/** 27 characters, as in `gBEGkYiEB1VXAglK1ZEqA1YKPrU`; never the same twice. */
function messageId(): string {
  messages += 1;
  return idPrefix + messages.toString(36).padStart(11, '0');
}

const text = (status: number, body: string, type: string): Answer => ({ status, type, body });

function sendMessage(): Answer {
  return text(201, `{"messages":[{"id":"${messageId()}"}],${metaJson}}`, 'application/json');
}

function checkContacts({ body }: Call): Answer {
  let asked: unknown;
  try {
    asked = JSON.parse(body.toString());
  } catch {
    return failure('malformed', ['The body is not JSON; send {"blocking": "wait", "contacts": ["16315551002"]}.']);
  }
  const numbers = typeof asked === 'object' && asked !== null && 'contacts' in asked ? asked.contacts : undefined;
  if (!Array.isArray(numbers)) return failure('invalid', ['contacts: give an array of phone numbers.']);
  if (!numbers.every(isNumber)) return failure('invalid', ['contacts: give phone numbers as strings.']);
  return answer(200, { contacts: numbers.map((input) => contact(String(input))) });
}

const isNumber = (input: unknown): boolean => typeof input === 'string' || typeof input === 'number';

function contact(input: string): Record<string, string> {
  const digits = input.replace(/\D/g, '');
  const known = digits.length >= 7 && digits.length <= 15;
  return known ? { input, status: 'valid', wa_id: digits } : { input, status: 'invalid' };
}

const gauge = (help: string, value: number) => ({ type: 'gauge', help, data: [{ labels: {}, value }] });

/** Statistics as JSON, or as Prometheus text with `?format=prometheus`. */
function stats(named: Readonly<Record<string, number>>): Handler {
  const inJson = ok({
    stats: Object.fromEntries(Object.entries(named).map(([name, value]) => [name, gauge(`Simulated ${name}`, value)])),
  });
  const lines = Object.entries(named).map(
    ([name, value]) => `# HELP ${name} Simulated ${name}\n# TYPE ${name} gauge\n${name} ${value}\n`,
  );
  const inText = always(text(200, lines.join(''), 'text/plain; version=0.0.4; charset=utf-8'));
  return (call) => (asksFor(call, 'prometheus') ? inText : inJson)(call);
}

const asksFor = (call: Call, format: string): boolean => new URLSearchParams(call.query).get('format') === format;

const mediaMaxBytes = 268_435_456;
const mediumOverheadBytes = 200;

interface Medium {
  readonly type: string;
  readonly body: Buffer;
}

/** Uploaded media, to be fetched again. Bounded in bytes; the oldest goes first. */
function mediaEndpoints(): EndpointTable {
  const media = new Generations<Medium>(mediaMaxBytes, ({ body }) => body.length + mediumOverheadBytes);
  const missing = (id: string): Answer => failure('notFound', [`There is no media ${JSON.stringify(id)}.`]);
  return {
    'v1/media': {
      POST({ body, contentType }) {
        const id = randomUUID();
        // A small body is a slice of a much larger read buffer, which must not be kept alive for its sake.
        media.set(id, { type: contentType, body: Buffer.from(body) });
        return answer(201, { media: [{ id }] });
      },
    },
    'v1/media/{id}': {
      GET: ({ parameters: [id = ''] }) => {
        const medium = media.get(id);
        return medium === undefined ? missing(id) : { status: 200, ...medium };
      },
      DELETE: ({ parameters: [id = ''] }) => (media.delete(id) ? answer(200, {}) : missing(id)),
    },
  };
}

const settingsEndpoints: EndpointTable = {
  'v1/settings/application': {
    GET: ok({
      settings: {
        application: {
          callback_persist: true,
          max_callback_backoff_delay_ms: '900000',
          media: { auto_download: ['image', 'document', 'audio'] },
          on_call_pager: '',
          pass_through: false,
          sent_status: true,
          webhooks: { url: 'https://example.com/webhook' },
        },
      },
    }),
    PATCH: done(),
    DELETE: done(),
  },
  'v1/settings/application/media/providers': {
    GET: ok({ settings: { application: { media: { providers: [] } } } }),
    POST: done(201),
  },
  'v1/settings/application/media/providers/{name}': { GET: ok({ settings: {} }), DELETE: done() },
  'v1/settings/backup': { POST: ok({ settings: { data: 'c2ltdWxhdGVkIGJhY2t1cA==' } }) },
  'v1/settings/restore': { POST: done() },
  'v1/settings/business/profile': {
    GET: ok({
      settings: {
        business: {
          profile: {
            address: '1 Weir Lane',
            description: 'Simulated',
            email: 'hello@example.com',
            vertical: 'Other',
            websites: [],
          },
        },
      },
    }),
    POST: done(),
  },
  'v1/settings/business/compliance_info': {
    GET: ok({ business_compliance: [{ entity_name: 'Weir', entity_type: 'OTHER', is_registered: true }] }),
    POST: done(),
  },
  'v1/settings/profile/about': { GET: ok({ settings: { profile: { about: { text: 'Simulated' } } } }), PATCH: done() },
  'v1/settings/profile/photo': { GET: photo, POST: done(201), DELETE: done() },
  'v1/settings/account/two-step': { POST: done(), DELETE: done() },
};

const onePixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');

function photo(call: Call): Answer {
  if (!asksFor(call, 'link')) return { status: 200, type: 'image/gif', body: onePixel };
  return answer(200, { settings: { profile: { photo: { link: 'https://example.com/photo.gif' } } } });
}

const stickersEndpoints: EndpointTable = {
  'v1/stickerpacks': {
    GET: ok({ stickerpacks: [{ id: '1' }] }),
    POST: always(answer(201, { stickerpacks: [{ id: '1' }] })),
  },
  'v1/stickerpacks/{pack}': {
    GET: ok({ stickerpacks: [{ id: '1', name: 'Weir', publisher: 'Simulated' }] }),
    PATCH: done(),
    DELETE: done(),
  },
  'v1/stickerpacks/{pack}/stickers': {
    GET: ok({ stickers: [{ index: 0 }] }),
    POST: always(answer(201, { stickers: [{ index: 0 }] })),
  },
  'v1/stickerpacks/{pack}/stickers/{index}': { GET: ok({ stickers: [{ index: 0 }] }), PATCH: done(), DELETE: done() },
};

const certificate = text(200, '-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n', 'text/plain');

const certificatesEndpoints: EndpointTable = {
  'v1/certificates/external': { POST: done() },
  'v1/certificates/external/ca': { GET: always(certificate) },
  'v1/certificates/webhooks/ca': { GET: always(certificate), POST: done(), DELETE: done() },
};

const anyGroup: Readonly<Record<string, Handler>> = {
  GET: ok({ groups: [] }),
  POST: done(),
  PUT: done(),
  PATCH: done(),
  DELETE: done(),
};

/** The whole table: patterns first come, first served. */
export function coreappEndpoints(): EndpointTable {
  const app = stats({ wacore_messages_sent: 42, wacore_job_queue_length: 0 });
  const db = stats({ wacore_db_connections: 4, wacore_db_size_bytes: 1_048_576 });
  return {
    'v1/messages': { POST: sendMessage },
    'v1/messages/{id}': { PUT: done() },
    'v1/contacts': { POST: checkContacts },
    'v1/contacts/{wa_id}/identity': {
      GET: ok({ identity: { acknowledged: true, created_timestamp: 1_519_862_966, hash: 'c2ltdWxhdGVk' } }),
      PUT: done(),
    },
    'v1/contacts/{number}/block': { POST: done() },
    ...mediaEndpoints(),
    ...settingsEndpoints,
    'v1/account': { POST: always(answer(202, { account: [{ vname: 'c2ltdWxhdGVk' }] })) },
    'v1/account/verify': { POST: done(201) },
    'v1/account/shards': { GET: ok({ account: { shards: 1 } }), POST: done(201) },
    ...stickersEndpoints,
    ...certificatesEndpoints,
    'v1/services/message/gc': { PUT: done() },
    'v1/services/media/gc': { PUT: done() },
    'v1/groups': anyGroup,
    'v1/groups/*': anyGroup,
    'v1/health': { GET: ok({ health: { gateway_status: 'connected' } }) },
    'v1/stats/app': { GET: app },
    'v1/stats/app/internal': { GET: app },
    'v1/stats/db': { GET: db },
    'v1/stats/db/internal': { GET: db },
    'v1/support': { GET: ok({ support: { debug_info: 'simulated' } }) },
  };
}
