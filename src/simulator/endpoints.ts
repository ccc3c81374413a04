/**
 * Finds the endpoint of a request: a table of methods and path patterns, `{x}` stands for one segment, `*` for the
 * rest.
 */
import { type Answer, failure } from './envelope.ts';

export interface Call {
  readonly method: string;
  /** The segments that `{x}` stood for, percent-decoded where they decode. */
  readonly parameters: readonly string[];
  readonly query: string;
  readonly contentType: string;
  readonly body: Buffer;
}

export type Handler = (call: Call) => Answer;

/** Methods by pattern: `{ 'v1/media/{id}': { GET: …, DELETE: … } }`. */
export type EndpointTable = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

interface Endpoint {
  readonly segments: readonly string[];
  readonly methods: ReadonlyMap<string, Handler>;
}

/** `path`: without query and trailing slash. HEAD is answered as GET, whose body Node leaves out. */
export type AnswerAt = (path: string, call: Omit<Call, 'parameters'>) => Answer;

export function answersOf(table: EndpointTable): AnswerAt {
  // Patterns without parameters, by path: nearly everything that is asked for often.
  const exact = new Map<string, Endpoint>();
  const patterns: Endpoint[] = [];
  for (const [pattern, handlers] of Object.entries(table)) {
    const endpoint = { segments: pattern.split('/'), methods: new Map(Object.entries(handlers)) };
    if (/[{*]/.test(pattern)) patterns.push(endpoint);
    else exact.set(`/${pattern}`, endpoint);
  }
  return (path, call) => {
    const found = exact.get(path);
    if (found !== undefined) return run(found, { ...call, parameters: [] });
    const segments = path.slice(1).split('/');
    for (const endpoint of patterns) {
      const parameters = matched(endpoint.segments, segments);
      if (parameters !== null) return run(endpoint, { ...call, parameters });
    }
    return failure('notFound', [`There is no ${path}.`]);
  };
}

function run(endpoint: Endpoint, call: Call): Answer {
  const handler = endpoint.methods.get(call.method === 'HEAD' ? 'GET' : call.method);
  if (handler !== undefined) return handler(call);
  const allowed = [...endpoint.methods.keys()].join(', ');
  return failure('methodNotAllowed', [`${call.method} is not allowed here; use ${allowed}.`], ['Allow', allowed]);
}

function matched(pattern: readonly string[], segments: readonly string[]): string[] | null {
  const parameters: string[] = [];
  for (const [i, part] of pattern.entries()) {
    if (part === '*') return parameters;
    const segment = segments[i];
    if (segment === undefined || segment === '') return null;
    if (part.startsWith('{')) parameters.push(decoded(segment));
    else if (part !== segment) return null;
  }
  return pattern.length === segments.length ? parameters : null;
}

/** Percent-decoded; as it stands where it does not decode. */
export function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
