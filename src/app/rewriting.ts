/** What requests and answers are rewritten by, as the configuration of the upstream says (`upstream/rewriting.ts`). */
import { createHmac } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Route } from '../exchange/route.ts';
import { readPointer } from '../http/pointer.ts';
import { readTarget } from '../http/target.ts';
import type { RouteOf } from '../routing/router.ts';
import type { Rewriting } from '../upstream/rewriting.ts';
import type { Services } from './services.ts';

type OriginOf = (routed: { readonly route: Route }) => string;

export function rewritingOf(
  { auth, coreapp }: Pick<Config, 'auth' | 'coreapp'>,
  { upstreams, credentials }: Services,
  routeOf: RouteOf,
): Rewriting {
  const { version, basePath, host, setFields, setQuery, authorizationField, urls, bodyUrls, appSecret } = coreapp;
  const origins = new Map(Object.entries(urls).map(([name, url]) => [name, new URL(url).origin]));
  const own = new URL(upstreams.usual.way.url).origin;
  const originOf: OriginOf = ({ route }) => origins.get(route.class) ?? own;
  const throughWeir = leadingBack(coreapp, routeOf, originOf);
  const places = Object.entries(bodyUrls).map(([name, list]) => [name, list.map(readPointer)] as const);
  // The upstream knows itself by the Host that requests say.
  const ownNames = host === null ? [own] : [own, `http://${host.toLowerCase()}`, `https://${host.toLowerCase()}`];
  return {
    originsOf: ({ route }) => (origins.has(route.class) ? [originOf({ route })] : ownNames),
    version,
    basePath,
    queryOf: queryOf(new URLSearchParams(setQuery).toString(), appSecret, credentials.of),
    queryNames: new Set([
      ...Object.keys(setQuery),
      ...(appSecret === null ? [] : ['appsecret_proof']),
      ...(auth.keyParameter === null ? [] : [auth.keyParameter]),
    ]),
    set: Object.entries(setFields).flat(),
    credentialField: authorizationField,
    credentialOf: credentials.of,
    throughWeir,
    bodyUrls: places.length === 0 ? null : { places: new Map(places), throughWeir },
  };
}

function leadingBack(
  { basePath, encodedSlashes }: Config['coreapp'],
  routeOf: RouteOf,
  originOf: OriginOf,
): Rewriting['throughWeir'] {
  return (url) => {
    if (!URL.canParse(url)) return null;
    const { origin, username, password } = new URL(url);
    const rest = url.slice(url.indexOf('//') + 2).replace(/^[^/?#]*/, '');
    const path = rest.startsWith(`${basePath}/`) ? rest.slice(basePath.length) : null;
    if (path === null || username !== '' || password !== '') return null;
    const target = readTarget(path, 'GET', null, encodedSlashes);
    if (target.kind !== 'target') return null;
    const route = routeOf({ method: 'GET', path: target.path, fields: [] });
    return route.by === 'coreapp' && originOf({ route }) === origin ? path : null;
  };
}

/**
 * With an app's secret each request proves that its token is the app's: an HMAC-SHA256 of the token, in hexadecimal
 * (developers.facebook.com/docs/graph-api/guides/secure-requests).
 */
function queryOf(query: string, secret: string | null, credentialOf: Rewriting['credentialOf']): Rewriting['queryOf'] {
  if (secret === null) return () => query;
  const begun = query === '' ? '' : `${query}&`;
  const proofs = new Map<string, string>();
  return (exchange) => {
    const credential = credentialOf(exchange);
    if (credential === null) return query;
    const token = credential.replace(/^bearer +/i, '');
    const proof = proofs.get(token) ?? createHmac('sha256', secret).update(token).digest('hex');
    // There are as many as there are credentials; those that were changed are few.
    proofs.set(token, proof);
    return `${begun}appsecret_proof=${proof}`;
  };
}
