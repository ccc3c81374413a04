/**
 * Everything about the simulator that can be changed while it runs: one schema for code, control endpoint and command
 * line.
 */
import { z } from 'zod';
import { classes, forEach } from './classes.ts';
import { type Problem, problemsOf } from './problems.ts';

const timeMaxMs = 3_600_000;

const whole = (min: number, max: number, what: string) => {
  const error = `${what}, a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

const milliseconds = () => whole(0, timeMaxMs, 'milliseconds');

const yesOrNo = () => z.boolean({ error: 'true or false' });

const oneOf = (names: readonly string[]) => `one of ${names.join(', ')}`;

/** An object that names what it knows when it meets what it does not. */
function group<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = oneOf(Object.keys(shape));
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? names : `an object with any of ${Object.keys(shape).join(', ')}`,
  });
}

const retryAfterForms = ['none', 'seconds', 'date'] as const;
const retryAfter = () => z.enum(retryAfterForms, { error: oneOf(retryAfterForms) });
const retryAfterSeconds = () => whole(0, 100_000_000, 'seconds');

const rateRight = 'requests a second, a number above 0';
const limit = group({
  ratePerS: z.number({ error: rateRight }).positive({ error: rateRight }),
  burst: whole(1, 1_000_000_000, 'requests'),
});

export type Limit = z.infer<typeof limit>;

const messagesLimit: Limit = { ratePerS: 50, burst: 150 };
const otherLimit: Limit = { ratePerS: 20, burst: 60 };

const faultRight =
  'a fraction from 0 to 1, {"next": N} for the next N, or {"share": FRACTION, "ms": N} for the next N milliseconds';
const share = () => z.number({ error: faultRight }).min(0, { error: faultRight }).max(1, { error: faultRight });
const fault = z.union(
  [
    share(),
    z.strictObject({ share: share(), ms: z.number().min(0).max(timeMaxMs) }, { error: faultRight }),
    z.strictObject({ next: whole(0, 1_000_000_000, 'how many are next') }, { error: faultRight }),
  ],
  { error: faultRight },
);

/** How often a fault strikes: a fraction of all, a fraction for a while, or the next so many. */
export type Fault = z.infer<typeof fault>;

/** What each fault does; the order is the order in which they are drawn. */
export const faultDescriptions = {
  resetOnConnect: 'connections that are reset as soon as they are accepted, nothing read',
  resetBeforeBody: 'requests whose connection is reset once their head is read, not acted on',
  error429: 'requests refused with a 429, not acted on',
  error503: 'requests refused with a 503, not acted on',
  error500: 'requests acted on and answered 500',
  resetAfterBody: 'requests read whole and acted on, then reset without an answer',
  hang: 'requests read whole and acted on, then never answered',
  truncate: 'requests acted on whose answer breaks off halfway through its body',
  trickle: 'requests acted on whose answer comes a byte at a time',
} as const;

export type FaultName = keyof typeof faultDescriptions;

export const faultNames = Object.keys(faultDescriptions) as readonly FaultName[];

const authorizationRight = 'the value of Authorization that is demanded, 1 character or more, or null for none';

export const settingsSchema = group({
  latencyMs: milliseconds().default(0).describe('every answer to an accepted request is this late'),
  latencyJitterMs: milliseconds().default(0).describe('… and a random part of this later'),
  workers: whole(0, 1_000_000, 'jobs at once')
    .default(8)
    .describe('jobs worked on at once; 0: none, the queue only fills'),
  serviceMs: milliseconds().default(0).describe('how long a worker is busy with one job; 0: no time at all'),
  queueMax: whole(0, 100_000_000, 'jobs').default(1_000).describe('jobs that may wait; one more is refused with a 503'),
  trickleMs: milliseconds().default(10).describe('how long a trickling answer waits before each byte'),
  overloaded: yesOrNo().default(false).describe('every request is refused with a 503'),
  throttledRetryAfter: retryAfter().default('none').describe('Retry-After on a 429: none, seconds or date'),
  throttledRetryAfterSeconds: retryAfterSeconds().default(1).describe('how far ahead it points'),
  overloadedRetryAfter: retryAfter().default('none').describe('Retry-After on a 503: none, seconds or date'),
  overloadedRetryAfterSeconds: retryAfterSeconds().default(1).describe('how far ahead it points'),
  limitsEnforced: yesOrNo().default(true).describe('whether the limits hold'),
  limits: group(forEach(classes, (name) => limit.default(name === 'messages' ? messagesLimit : otherLimit))).prefault(
    {},
  ),
  faults: group(forEach(faultNames, () => fault.default(0))).prefault({}),
  authorization: z
    .string({ error: authorizationRight })
    .min(1, { error: authorizationRight })
    .nullable()
    .default(null)
    .describe('the value of Authorization that is demanded, else 401'),
  bodyMaxBytes: whole(0, 1_073_741_824, 'bytes')
    .default(134_217_728)
    .describe('the longest request body; a longer one is a 413'),
  recordRequestsMax: whole(0, 10_000_000, 'requests')
    .default(10_000)
    .describe('how many request heads are remembered; 0: none'),
  listening: yesOrNo().default(true).describe('false: connections to the main port are refused'),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Settings as a patch names them: any part; null stands for the default. */
export type SettingsPatch = {
  readonly [Name in keyof Settings]?:
    | (Settings[Name] extends Record<string, unknown>
        ? { readonly [Key in keyof Settings[Name]]?: Partial<Settings[Name][Key]> | Settings[Name][Key] | null }
        : Settings[Name])
    | null;
};

/** The limits of the documentation, from version 2.25.3 on; the rest is a Coreapp without worries. */
export const defaultSettings: Settings = settingsSchema.parse({});

type Configured =
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/**
 * Lays a JSON merge patch (RFC 7396) over settings; null brings the default back, and one value takes the place of
 * another whole, an object too where the default is none. Nothing changes unless all of it is right.
 */
export function patched(current: Settings, patch: unknown): Configured {
  const merged = merge(current, patch, defaultSettings);
  const parsed = settingsSchema.safeParse(merged);
  if (parsed.success) return { kind: 'settings', settings: parsed.data };
  return { kind: 'problems', problems: problemsOf(parsed.error.issues, merged) };
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merge(target: unknown, patch: unknown, defaults: unknown): unknown {
  if (!isObject(patch) || (defaults !== undefined && !isObject(defaults))) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    const usual = isObject(defaults) ? defaults[name] : undefined;
    merged.set(name, value === null ? usual : merge(merged.get(name), value, usual));
  }
  return Object.fromEntries(merged); // Unlike assignment, this keeps a key "__proto__" a key, to be refused as unknown.
}
