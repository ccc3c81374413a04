/** The error that an event tells of, apart from its other fields. */

export interface ShownError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Of a copy without secrets (`redact.ts`), which has an error as an object. */
export function errorOf(fields: Fields): { readonly error: ShownError | null; readonly others: Fields } {
  const name = ['error', 'err'].find((key) => isError(fields[key]));
  if (name === undefined) return { error: null, others: fields };
  const { [name]: error, ...others } = fields;
  const { type, message, stack, ...more } = error as ShownError & Record<string, unknown>;
  // Its own properties, such as `code`, and its cause.
  return {
    error: { type, message, stack },
    others: Object.keys(more).length === 0 ? others : { ...others, error: more },
  };
}

function isError(value: unknown): value is ShownError {
  if (typeof value !== 'object' || value === null) return false;
  const { type, message, stack } = value as Record<string, unknown>;
  return [type, message, stack].every((text) => typeof text === 'string');
}
