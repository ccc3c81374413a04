/**
 * Answers in the envelope of docs/reference/webapp-contract.md, "Answers": payload, `meta`, and on failure `errors`.
 */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  /** Further header fields: name, value, … */
  readonly fields?: readonly string[];
}

const json = 'application/json';

export const metaJson = '"meta":{"version":"2.61.1","api_status":"stable"}';

/** `payload`: an object, without its meta. */
export function answer(status: number, payload: Readonly<Record<string, unknown>>): Answer {
  const text = JSON.stringify(payload);
  return { status, type: json, body: text === '{}' ? `{${metaJson}}` : `${text.slice(0, -1)},${metaJson}}` };
}

const errors = {
  malformed: [400, 1025, 'Request is not valid'],
  invalid: [400, 1009, 'Parameter value is not valid'],
  unauthorized: [401, 1005, 'Access denied'],
  notFound: [404, 1006, 'Resource not found'],
  methodNotAllowed: [405, 1025, 'Request is not valid'],
  tooLarge: [413, 1025, 'Request is not valid'],
  throttled: [429, 1015, 'Too many requests'],
  failed: [500, 1000, 'Generic error'],
  overloaded: [503, 1016, 'System overloaded'],
} as const;

export function failure(
  name: keyof typeof errors,
  details: readonly string[] = [],
  fields: readonly string[] = [],
): Answer {
  const [status, code, title] = errors[name];
  const list = details.length === 0 ? [{ code, title }] : details.map((text) => ({ code, title, details: text }));
  return { ...answer(status, { errors: list }), fields };
}
