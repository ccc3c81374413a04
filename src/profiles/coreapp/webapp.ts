/** The endpoints that Weir answers itself. One entry; a subject a file. */
import { takeCredentials } from '../../auth/credentials.ts';
import { StoreAway } from '../../auth/ports.ts';
import type { Collected } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import type { OwnEndpoints } from '../../exchange/ports.ts';
import { type Refusal, refuseMethod, refuseStoreAway } from '../../exchange/refusals.ts';
import type { EndpointDeps, WebappDeps } from './deps.ts';
import { metrics } from './figures.ts';
import { login, logout } from './login.ts';
import type { OwnEndpoint } from './routes.ts';
import { SharedLogins } from './shared-logins.ts';
import { createStrayProxyWarning } from './stray-proxy.ts';
import { changeUser, createUser, deleteUser, readUser } from './users.ts';

type Handler = (exchange: Collected, deps: EndpointDeps) => Promise<Page | Refusal>;

/** Every endpoint with its methods. HEAD is a GET whose body stays behind (RFC 9110 §9.3.2). */
const endpoints: Readonly<Record<OwnEndpoint, ReadonlyMap<string, Handler>>> = {
  login: new Map([['POST', login]]),
  logout: new Map([['POST', logout]]),
  users: new Map([['POST', createUser]]),
  user: new Map([
    ['GET', readUser],
    ['HEAD', readUser],
    ['PUT', changeUser],
    ['DELETE', deleteUser],
  ]),
  metrics: new Map([
    ['GET', metrics],
    ['HEAD', metrics],
  ]),
};

export function createWebapp(outside: WebappDeps): OwnEndpoints {
  const deps: EndpointDeps = { ...outside, sharedLogins: new SharedLogins(outside.clock) };
  const lookForStrayProxy = createStrayProxyWarning(deps.log);
  return {
    async answer(exchange) {
      const { route } = exchange;
      lookForStrayProxy(exchange);
      if (route.by !== 'weir') throw new Error(`The route ${route.class} is the Coreapp's to answer.`);
      const methods = endpoints[route.endpoint as OwnEndpoint];
      const handle = methods.get(exchange.method);
      if (handle === undefined) return refuseMethod([...methods.keys()].join(', '));
      try {
        return await handle(exchange, deps);
      } catch (error) {
        if (error instanceof StoreAway) return refuseStoreAway();
        throw error;
      } finally {
        takeCredentials(exchange.fields); // An idle connection keeps its latest request.
      }
    },
  };
}
