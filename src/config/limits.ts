/** The settings under `limits`: one section for each endpoint class, all with the same six settings. */
import { z } from 'zod';
import type { ClassLimits } from '../model/quota.ts';
import { type EndpointClass, endpointClasses } from '../model/routes.ts';
import { whole } from './kinds.ts';
import { section, setting } from './setting.ts';

const gib = 2 ** 30;

export type LimitName = keyof ClassLimits;

const limitKinds = {
  rate: z.number().min(0.1).max(1_000_000),
  burst: whole(1, 1_000_000),
  holdMaxMs: whole(100, 600_000),
  lineMaxRequests: whole(1, 1_000_000),
  lineMaxBytes: whole(1_024, 64 * gib),
  bodyMaxBytes: whole(1_024, gib),
} as const satisfies Record<LimitName, z.ZodNumber>;

export const limitNames = Object.keys(limitKinds) as readonly LimitName[];

const limitDescriptions: Readonly<Record<LimitName, string>> = {
  rate: 'Requests a second that reach the Coreapp in the long run, over all replicas. What the Coreapp allows: more only earns its 429.',
  burst: 'Requests that may reach the Coreapp at once after a pause, over all replicas.',
  holdMaxMs: 'The longest that a request is held before it is refused with 503. Below the timeouts of the callers.',
  lineMaxRequests:
    'Most requests that wait in one replica. Never more wait than can be served in time, burst + rate × holdMaxMs / 1000: one on top is refused at once.',
  lineMaxBytes:
    'Most bytes of request bodies in the memory of one replica: being read, in line, in flight. One without room is refused with 503.',
  bodyMaxBytes: 'The largest request body; a larger one is answered 413. At most lineMaxBytes.',
};

/** What every class gets that does not say otherwise: the documented limit of "every other endpoint". */
const everyClass: ClassLimits = {
  rate: 20,
  burst: 60,
  holdMaxMs: 30_000,
  lineMaxRequests: 10_000,
  lineMaxBytes: 64 * 2 ** 20,
  bodyMaxBytes: 2 ** 20,
};

/** Where a class differs from that from the start: the documented limit of messages, and the size of media. */
const ownDefaults: Partial<Record<EndpointClass, Partial<ClassLimits>>> = {
  messages: { rate: 50, burst: 150 },
  media: { lineMaxBytes: 512 * 2 ** 20, bodyMaxBytes: 100 * 2 ** 20 },
};

const limit = (name: LimitName) => setting(limitKinds[name].default(everyClass[name]), about(name));

const ownLimit = (of: EndpointClass, name: LimitName) => {
  const fallback = ownDefaults[of]?.[name];
  const kind = limitKinds[name];
  return setting(fallback === undefined ? kind.optional() : kind.default(fallback).optional(), about(name));
};

const about = (name: LimitName) => ({ description: limitDescriptions[name] });

const ownLimits = (of: EndpointClass) =>
  section(
    Object.fromEntries(limitNames.map((name) => [name, ownLimit(of, name)])) as Record<
      LimitName,
      ReturnType<typeof ownLimit>
    >,
  );

type OtherClass = Exclude<EndpointClass, 'default'>;

export const limits = section({
  default: section({
    rate: limit('rate'),
    burst: limit('burst'),
    holdMaxMs: limit('holdMaxMs'),
    lineMaxRequests: limit('lineMaxRequests'),
    lineMaxBytes: limit('lineMaxBytes'),
    bodyMaxBytes: limit('bodyMaxBytes'),
  }),
  ...(Object.fromEntries(
    endpointClasses.filter((name) => name !== 'default').map((name) => [name, ownLimits(name)]),
  ) as Record<OtherClass, ReturnType<typeof ownLimits>>),
});
