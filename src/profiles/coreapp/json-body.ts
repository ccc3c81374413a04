/** Reads the small JSON objects that the endpoints take, and says what is wrong with others. Never repeats a value. */
import { isUtf8 } from 'node:buffer';
import { type BufferedBody, bufferOf, isInMemory } from '../../exchange/bodies.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';

/** What a body must look like: each field is text, and only the required ones have to be there. */
interface Shape<Required extends string, Optional extends string> {
  readonly required: readonly Required[];
  readonly optional: readonly Optional[];
}

type JsonBody<Required extends string, Optional extends string> = {
  readonly kind: 'json';
  readonly values: { readonly [Name in Required]: string } & { readonly [Name in Optional]?: string };
};

/** No body, an empty one and `null` are read as `{}`. */
export function readJson<Required extends string, Optional extends string>(
  body: BufferedBody | null,
  shape: Shape<Required, Optional>,
): JsonBody<Required, Optional> | Refusal {
  if (body !== null && !isInMemory(body)) throw new Error('A body this small is buffered in memory.');
  const parsed = parse(body === null ? null : bufferOf(body));
  if (parsed.kind === 'refusal') return parsed;
  const { values } = parsed;
  const known: readonly string[] = [...shape.required, ...shape.optional];
  for (const [name, value] of Object.entries(values)) {
    if (!known.includes(name))
      return refuse('parameterNotRequired', `${named(name)} is not known here: ${take(known)}.`);
    if (typeof value !== 'string') return refuse('parameterInvalid', `${name} must be text, not ${typeOf(value)}.`);
  }
  const missing = shape.required.find((name) => !Object.hasOwn(values, name));
  if (missing !== undefined) return refuse('parameterMissing', `${missing} is missing: ${take(known)}.`);
  return { kind: 'json', values: values as JsonBody<Required, Optional>['values'] };
}

function parse(body: Buffer | null): { kind: 'object'; values: Record<string, unknown> } | Refusal {
  if (body !== null && !isUtf8(body)) return notJson(body, 'not UTF-8');
  const text = body?.toString().replace(/^\ufeff/, '') ?? '';
  let value: unknown;
  try {
    value = text.trim() === '' ? null : JSON.parse(text);
  } catch (error) {
    return notJson(body, whyNotJson((error as SyntaxError).message));
  }
  if (value === null) return { kind: 'object', values: {} };
  if (typeof value === 'object' && !Array.isArray(value)) return { kind: 'object', values: { ...value } };
  return refuse('parameterInvalid', `The body must be a JSON object, not ${typeOf(value)}.`);
}

function notJson(body: Buffer | null, why: string): Refusal {
  const bytes = body?.length ?? 0;
  return refuse(
    'malformed',
    `The body must be JSON in UTF-8; it was ${bytes} byte${bytes === 1 ? '' : 's'}, and ${why}.`,
  );
}

/**
 * V8's message may repeat what was given, and the place is all it takes from there; it names none for a stray token.
 */
function whyNotJson(message: string): string {
  if (/^Unexpected end/.test(message)) return 'ended too early';
  const position = / JSON at position (\d+) \(line \d+ column \d+\)$/.exec(message)?.[1];
  return position === undefined ? 'no JSON' : `no JSON from character ${Number(position) + 1} on`;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** An unknown field's name, cut so that the answer stays small. */
function named(name: string): string {
  return name.length <= 40 ? JSON.stringify(name) : `${JSON.stringify(name.slice(0, 40))}…`;
}

function take(known: readonly string[]): string {
  return `the body takes ${known.join(' and ')}`;
}
