import type { Clock } from '../clock.ts';
import { BodyBudget } from './body-budget.ts';
import type { BodyBounds } from './collect.ts';

/**
 * For Weir's own endpoints. Credentials are small, and anybody may send some, so no class shares its budget with them.
 * The budget fills up only when 4,096 connections hold back the largest body there can be. One user, or one network of
 * callers that log in, may have half of it while it is alone, and half of what others leave.
 */
export function ownBounds(clock: Clock): BodyBounds {
  const bodyMaxBytes = 16_384;
  const allBytes = 4_096 * bodyMaxBytes;
  const bounds = { lineMaxBytes: allBytes, callerMaxBytes: allBytes / 2, bodyMaxBytes };
  return { bodyMaxBytes, bodies: new BodyBudget(bounds, () => clock.now()), retryAfterMs: () => 1_000 };
}
