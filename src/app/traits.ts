/**
 * What each profile says without services: the form of refusals, the retry policy, the figures, Weir's own classes.
 */
import { STATUS_CODES } from 'node:http';
import type { ProfileName } from '../config/schema.ts';
import type { RefusalForm } from '../exchange/answer.ts';
import type { FiguresForm } from '../observe/figures.ts';
import { graphError } from '../profiles/cloud/error.ts';
import { errorEnvelope } from '../profiles/coreapp/envelope.ts';
import { figuresText, webappFamilies } from '../profiles/coreapp/figures.ts';
import { createRetryPolicy as coreappRetries } from '../profiles/coreapp/retry.ts';
import { ownClasses } from '../profiles/coreapp/routes.ts';
import { problemsWith, problemType } from '../profiles/none/problem.ts';
import { createRetryPolicy } from '../profiles/none/retry.ts';
import type { RetryRules } from '../upstream/retry-by-status.ts';
import type { RetryPolicy } from '../upstream/retry-policy.ts';

export const refusalForms: Readonly<Record<ProfileName, RefusalForm>> = {
  coreapp: { refusalBody: errorEnvelope },
  cloud: { refusalBody: graphError },
  none: { refusalBody: problemsWith(STATUS_CODES), refusalType: problemType },
};

/** What the upstream means by its answers, where no rule of the configuration says more. */
export const retryPolicies: Readonly<Record<ProfileName, (rules: RetryRules) => RetryPolicy>> = {
  coreapp: coreappRetries,
  cloud: createRetryPolicy,
  none: createRetryPolicy,
};

/** How callers are shown figures; null: there is no endpoint for that. */
export const figuresForms: Readonly<Record<ProfileName, FiguresForm | null>> = {
  coreapp: { families: webappFamilies, json: figuresText },
  cloud: null,
  none: null,
};

/** What the endpoints that Weir answers itself are counted as. */
export function ownClassesOf(profile: ProfileName): readonly string[] {
  return profile === 'coreapp' ? ownClasses : [];
}
