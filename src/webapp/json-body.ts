/** Reads the small JSON objects that the endpoints take, and says what is wrong with others. Never repeats a value. */
import { type Refusal, refuse } from '../model/refusals.ts';

/** What a body must look like: each field is text, and only the required ones have to be there. */
export interface Shape<Required extends string, Optional extends string> {
  readonly required: readonly Required[];
  readonly optional: readonly Optional[];
}

export type JsonBody<Required extends string, Optional extends string> = {
  readonly kind: 'json';
  readonly values: { readonly [Name in Required]: string } & { readonly [Name in Optional]?: string };
};

/** No body, an empty one and `null` are read as `{}`. */
export function readJson<Required extends string, Optional extends string>(
  body: Buffer | null,
  shape: Shape<Required, Optional>,
): JsonBody<Required, Optional> | Refusal {
  const parsed = parse(body);
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
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body ?? undefined);
    value = text.trim() === '' ? null : JSON.parse(text);
  } catch {
    return refuse('malformed', 'The body must be JSON in UTF-8.');
  }
  if (value === null) return { kind: 'object', values: {} };
  if (typeof value === 'object' && !Array.isArray(value)) return { kind: 'object', values: { ...value } };
  return refuse('parameterInvalid', `The body must be a JSON object, not ${typeOf(value)}.`);
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
