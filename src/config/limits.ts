/** The settings under `limits`: one section for each endpoint class, all with the same settings. */
import { z } from 'zod';
import type { ClassLimits } from '../admission/rate/quota.ts';
import { type EndpointClass, endpointClasses } from '../exchange/route.ts';
import { scope, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

const mib = 2 ** 20;
const gib = 2 ** 30;

export type LimitName = keyof ClassLimits;

const limitKinds = {
  rate: z.number().min(0.1).max(1_000_000),
  burst: whole(1, 1_000_000),
  scope: scope(),
  scopesMax: whole(1, 100_000),
  rateLimitFields: z.boolean(),
  hold: z.boolean(),
  holdMaxMs: whole(100, 600_000),
  lineMaxRequests: whole(1, 1_000_000),
  callerShareMax: z.number().min(0.01).max(1),
  lineMaxBytes: whole(1_024, 64 * gib),
  callerMaxBytes: whole(1_024, 64 * gib),
  bodyMaxBytes: whole(1_024, gib),
} as const satisfies Record<LimitName, z.ZodType>;

export const limitNames = Object.keys(limitKinds) as readonly LimitName[];

const limitDescriptions: Readonly<Record<LimitName, string>> = {
  rate: 'Requests a second that reach the Coreapp in the long run, over all replicas. What the Coreapp allows: more only earns its 429.',
  burst: 'Requests that may reach the Coreapp at once after a pause, over all replicas.',
  scope:
    'Which requests share one such limit: all of the class (fleet), those of one user (principal), or those with the same value of a header field or of a path segment. Those without a value share one.',
  scopesMax:
    'Most limits of a class with such a scope that one replica keeps at a time. Those that are full again make room; with none of these a newcomer gets 503.',
  rateLimitFields:
    'Whether answers of the Coreapp get RateLimit and RateLimit-Policy fields that say what is left. Off, since nobody need slow down: whatever comes too early is held.',
  hold: 'Whether a request that the Coreapp refuses, or does not answer, is held and sent again. false: its caller gets the Coreapp’s own answer at once, 429 and 503 included, or 502 or 504 where there is none; and what finds no free token within a second gets 503. For monitoring.',
  holdMaxMs: 'The longest that a request is held before it is refused with 503. Below the timeouts of the callers.',
  lineMaxRequests:
    'Most requests that wait in one replica. Whose turn cannot come within its hold time is refused at once, however many wait.',
  callerShareMax:
    'What one caller may have of the places in line that others leave: with 0.9 one that is alone leaves a tenth for newcomers, two leave a twentieth. 1: one may take all. The same share goes for scopesMax, and for the permits of requests that last.',
  lineMaxBytes:
    'Most bytes of request bodies that one replica holds, in memory and on disk: as they come, in line, in flight. The last free sixteenth is for bodies of 16 KiB at most. Without room the slowest upload gives way, or the newcomer is refused, with 503.',
  callerMaxBytes:
    'Most of these bytes for one user that is alone. Beside others it has the same part of what they leave, and always room for one body. At lineMaxBytes or above one may take all of it, and leave no room for others.',
  bodyMaxBytes: 'The largest request body; a larger one is answered 413. At most lineMaxBytes and callerMaxBytes.',
};

const scopeWanted =
  'fleet, principal, header:<Field-Name> (any but Authorization), or path:<template> with one segment in braces, such as path:/v1/contacts/{number}';

type Values = { readonly [Name in LimitName]: z.output<(typeof limitKinds)[Name]> };

/** What every class gets that does not say otherwise: the documented limit of "every other endpoint". */
const everyClass: Values = {
  rate: 20,
  burst: 60,
  scope: 'fleet',
  scopesMax: 10_000,
  rateLimitFields: false,
  hold: true,
  holdMaxMs: 30_000,
  lineMaxRequests: 10_000,
  callerShareMax: 0.9,
  lineMaxBytes: 64 * mib,
  callerMaxBytes: 32 * mib,
  bodyMaxBytes: mib,
};

/**
 * Where a class differs from that from the start: the documented limit of messages, the size of media, and what monitoring
 * asks for.
 */
const ownDefaults: Partial<Record<EndpointClass, Partial<Values>>> = {
  messages: { rate: 50, burst: 150 },
  media: { lineMaxBytes: gib, callerMaxBytes: 512 * mib, bodyMaxBytes: 100 * mib },
  health: { hold: false },
  stats: { hold: false },
};

const limit = <Name extends LimitName>(name: Name) => {
  const kind = limitKinds[name] as z.ZodType as z.ZodType<Values[Name]>;
  return setting(kind.default(everyClass[name] as never), told(name));
};

const ownLimit = (of: EndpointClass, name: LimitName) => {
  const fallback = ownDefaults[of]?.[name];
  const kind: z.ZodType = limitKinds[name];
  return setting(fallback === undefined ? kind.optional() : kind.default(fallback).optional(), told(name));
};

const told = (name: LimitName) => ({
  description: limitDescriptions[name],
  ...(name === 'scope' ? { wanted: scopeWanted } : {}),
});

const ownLimits = (of: EndpointClass) =>
  section(
    Object.fromEntries(limitNames.map((name) => [name, ownLimit(of, name)])) as unknown as {
      readonly [Name in LimitName]: z.ZodOptional<z.ZodType<Values[Name]>>;
    },
  );

type OtherClass = Exclude<EndpointClass, 'default'>;

export const limits = section({
  default: section({
    rate: limit('rate'),
    burst: limit('burst'),
    scope: limit('scope'),
    scopesMax: limit('scopesMax'),
    rateLimitFields: limit('rateLimitFields'),
    hold: limit('hold'),
    holdMaxMs: limit('holdMaxMs'),
    lineMaxRequests: limit('lineMaxRequests'),
    callerShareMax: limit('callerShareMax'),
    lineMaxBytes: limit('lineMaxBytes'),
    callerMaxBytes: limit('callerMaxBytes'),
    bodyMaxBytes: limit('bodyMaxBytes'),
  }),
  ...(Object.fromEntries(
    endpointClasses.filter((name) => name !== 'default').map((name) => [name, ownLimits(name)]),
  ) as Record<OtherClass, ReturnType<typeof ownLimits>>),
});
