import { classesOf } from '../../src/config/limits.ts';
import { profileLayer } from '../../src/config/profiles.ts';
import { settingsSchema } from '../../src/config/schema.ts';
import type { Route } from '../../src/exchange/route.ts';
import { readTarget as readAnyTarget } from '../../src/http/target.ts';
import { createCoreappRouter, usersPath } from '../../src/profiles/coreapp/routes.ts';

const { given } = profileLayer('coreapp');

const { limits } = settingsSchema.parse({
  limits: Object.fromEntries(
    [...given].flatMap(([name, { value }]) => {
      const [, of = '', setting] = name.split('.');
      return setting === 'match' ? [[of, { match: value }]] : [];
    }),
  ),
});

/** As the profile `coreapp` has it read. */
export const readTarget = (target: string, method = 'GET') => readAnyTarget(target, method, usersPath);

/** The routes of the profile `coreapp`. */
export function createRouter(adminPaths: readonly string[], caseSensitive = false): (path: string) => Route {
  const route = createCoreappRouter({ patterns: classesOf(limits, caseSensitive), adminPaths, caseSensitive });
  return (path) => route({ method: 'GET', path, fields: [] });
}

/** Where the contract wants the admin, besides for users. */
export const adminPathsDefault = given.get('auth.adminPaths')?.value as readonly string[];

/** Routes as the contract has them. */
export const routeOf = createRouter(adminPathsDefault);
