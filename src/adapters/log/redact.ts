/** The last net under "secrets never": events carry no secrets by design, and whatever slips in is masked here. */

const mask = '[redacted]';

const secretName = /authorization|passw|secret|token|api[-_]?key|cookie|credential/i;

/** The user part of an URL, up to the last `@` of the word: a password may hold anything. */
const userinfo = /:\/\/[^\s"'<>]*@/g;

/** A credential as an `Authorization` field carries it. Shorter words are prose ("Basic credentials"). */
const credential = /\b(basic|bearer|apikey)\s+[\w+/=.~-]{12,}/gi;

const depthMax = 5;

/** A text without the credentials that URLs and `Authorization` fields in it carry. */
export function withoutCredentials(text: string): string {
  return text.replace(userinfo, `://${mask}@`).replace(credential, `$1 ${mask}`);
}

/** A copy without secrets: by the field's name (texts and objects, not counts and flags), and inside every text. */
export function withoutSecrets(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return copyOf(fields, 0);
}

function copyOf(fields: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const secret = secretName.test(name) && (typeof value === 'string' || (typeof value === 'object' && value));
    copy[name] = secret ? mask : shown(value, depth + 1);
  }
  return copy;
}

function shown(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return withoutCredentials(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > depthMax) return '[deeper]';
  if (value instanceof Error) return errorShown(value, depth);
  if (value instanceof URL) return withoutCredentials(value.href);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => shown(item, depth + 1));
  return copyOf(value, depth);
}

/** Its own properties too: Node's errors carry `code`, `address`, `syscall` there. */
function errorShown(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: withoutCredentials(error.message),
    ...copyOf(error, depth),
    stack: withoutCredentials(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: shown(error.cause, depth + 1) }),
  };
}
