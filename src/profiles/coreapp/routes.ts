/**
 * The endpoints of docs/reference/webapp-contract.md that Weir answers itself, and those that monitoring may ask for.
 * Which endpoints form a class is said in `config/profiles/coreapp.yaml`: "each available API endpoint" has a limit of
 * its own, the class is the group, the method does not matter. An unknown path is the Coreapp's to answer, in the class
 * `default`.
 */
import type { Route } from '../../exchange/route.ts';
import { decodedSegment, foldedPath, isWithin } from '../../http/paths.ts';
import { readTarget } from '../../http/target.ts';
import { createRouter, isWithinAny, type RouteOf, type RoutingRules } from '../../routing/router.ts';

/** The endpoints that Weir answers itself. */
export type OwnEndpoint = 'login' | 'logout' | 'users' | 'user' | 'metrics';

/** What they are counted as. */
export const ownClasses = ['users', 'metrics'] as const;

/** Below it Weir answers itself, whatever case it is written in. */
export const usersPath = '/v1/users';

const metricsPaths = ['/metrics', '/v1/metrics'] as const;

const login: Route = { by: 'weir', class: 'users', access: 'login', endpoint: 'login', username: null };
const logout: Route = { by: 'weir', class: 'users', access: 'user', endpoint: 'logout', username: null };
const users: Route = { by: 'weir', class: 'users', access: 'admin', endpoint: 'users', username: null };

/** What monitoring asks the Coreapp for, and the API key opens: exactly these paths, and nothing below them. */
const monitored: ReadonlySet<string> = new Set([
  '/v1/health',
  '/v1/stats/app',
  '/v1/stats/app/internal',
  '/v1/stats/db',
  '/v1/stats/db/internal',
]);

/** Which requests Weir answers itself, as the patterns of classes say it. */
export const ownPatterns: readonly string[] = [
  `* ${usersPath}`,
  `* ${usersPath}/**`,
  ...metricsPaths.map((path) => `* ${path}`),
];

/** Whether some upstream may take a path for one that has rules of its own. */
export function isOfUsers(path: string): boolean {
  const target = readTarget(path, 'GET', usersPath);
  return target.kind === 'malformed' || isWithin(foldedPath(target.path, false), usersPath);
}

/**
 * What is below `/v1/users` has rules of its own, whatever the rules say.
 */
export function createCoreappRouter(rules: Omit<RoutingRules, 'monitored'>): RouteOf {
  const { adminPaths, caseSensitive } = rules;
  const admins = adminPaths.map((path) => foldedPath(path, caseSensitive));
  const metrics = metricsRoute(metricsPaths.some((path) => isWithinAny(path, admins)));
  const routeOf = createRouter({ ...rules, monitored });
  return (request) => {
    const folded = foldedPath(request.path, caseSensitive);
    if (folded === '/metrics' || folded === '/v1/metrics') return metrics;
    if (folded === usersPath || folded.startsWith(`${usersPath}/`)) return usersRoute(behindUsers(request.path));
    return routeOf(request, folded);
  };
}

/** What follows `/v1/users/`, in the case it came in; however that is written, it is two segments. */
function behindUsers(path: string): string {
  const third = path.indexOf('/', path.indexOf('/', 1) + 1);
  return third === -1 ? '' : path.slice(third + 1);
}

function metricsRoute(needsAdmin: boolean): Route {
  const access = needsAdmin ? 'admin' : 'monitoring';
  return { by: 'weir', class: 'metrics', access, endpoint: 'metrics', username: null };
}

function usersRoute(rest: string): Route {
  switch (rest) {
    case '':
      return users;
    case 'login':
      return login;
    case 'logout':
      return logout;
    default:
      // No user name holds a stray percent sign, so one that does not decode names nobody.
      return { by: 'weir', class: 'users', access: 'user', endpoint: 'user', username: decodedSegment(rest) };
  }
}
