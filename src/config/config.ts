/** The configuration as Weir uses it: every class's limits in full, secrets in place, no file names left. */
import type { ClassLimits } from '../model/quota.ts';
import { type EndpointClass, endpointClasses } from '../model/routes.ts';
import { limitNames } from './limits.ts';
import type { Settings } from './schema.ts';

type Section<Name extends keyof Settings> = {
  readonly [Key in keyof Settings[Name] as Key extends `${string}File` ? never : Key]: Readonly<Settings[Name][Key]>;
};

export type Config = { readonly [Name in Exclude<keyof Settings, 'limits'>]: Section<Name> } & {
  readonly limits: Limits;
};

export type Limits = Readonly<Record<EndpointClass, ClassLimits>>;

export function configOf(settings: Settings): Config {
  const { authorizationFile: _1, ...coreapp } = settings.coreapp;
  const { urlFile: _2, ...redis } = settings.redis;
  const { apiKeyFile: _3, adminPasswordFile: _4, ...auth } = settings.auth;
  return {
    ...settings,
    coreapp: { ...coreapp, url: coreapp.url === null ? null : new URL(coreapp.url).origin },
    redis,
    auth,
    limits: limitsOf(settings.limits),
  };
}

/** What a class does not say is as in `default`. */
export function limitsOf(given: Settings['limits']): Limits {
  return Object.fromEntries(
    endpointClasses.map((name) => [
      name,
      Object.fromEntries(limitNames.map((limit) => [limit, given[name][limit] ?? given.default[limit]])),
    ]),
  ) as unknown as Limits;
}
