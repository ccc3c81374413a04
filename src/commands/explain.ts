/** `weir explain 'POST /v1/messages'`: what the configuration says of one request. */

import { machineClock } from '../adapters/node/clock.ts';
import { trustIn } from '../adapters/node/trust.ts';
import { estimated } from '../admission/lanes/cost.ts';
import type { ClassLimits } from '../admission/limits.ts';
import { createCosts } from '../admission/rate/costs.ts';
import { readScope, type Scope, scopeValue, scopeWords } from '../admission/rate/scope.ts';
import { routingOf } from '../app/profile.ts';
import type { Config } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { RulesOf } from '../config/limits.ts';
import { type Collected, collected, identified, type Received, routed } from '../exchange/exchange.ts';
import { createReceive } from '../exchange/receive.ts';
import type { Access, Route } from '../exchange/route.ts';
import { ownFields } from '../http/own-fields.ts';
import { foldedPath } from '../http/paths.ts';
import { takesPath } from '../http/patterns.ts';
import type { HeedRule } from '../signals/heed.ts';
import { configuredWith, tellStrays } from './configured.ts';
import { type CommandIo, columns, configAndProfile, type Grammar, givenTo } from './options.ts';

export const explainGrammar: Grammar = {
  command: 'explain',
  about: 'Say what becomes of a request: its class, who may send it, its limits, its costs, where it goes.',
  usage: `'METHOD TARGET' [--body FILE] ${configAndProfile.usage}`,
  operands: 1,
};

const accessWords: Readonly<Record<Access, string>> = {
  login: 'anybody, with Basic credentials',
  user: 'any user, with a token',
  admin: 'admins, with a token',
  monitoring: 'any user, with a token, and monitoring, with the API key',
};

/** Resolves to the exit code: 0, or 1 with what is wrong on stderr. */
export function explain(args: readonly string[], env: Environment, io: CommandIo): number {
  const fail = (what: string): number => {
    io.err(`weir explain: ${what}`);
    return 1;
  };
  const given = givenTo(explainGrammar, args, io);
  if (given === null) return 1;
  const asked = /^(\S+) (\S+)$/.exec(given.operands[0] as string);
  if (asked === null) return fail("give a method and a target, such as 'POST /v1/messages'");
  const loaded = configuredWith(given, env, io);
  if (loaded === null) return 1;
  tellStrays(env, io);
  const [, method = '', target = ''] = asked;
  const file = given.options.get('--body');
  let body: Buffer | null = null;
  try {
    if (file !== undefined) body = Buffer.from(io.readFile(file));
  } catch {
    return fail(`--body: ${JSON.stringify(file)} cannot be read; give the path of a readable file`);
  }
  const said = explanationOf(loaded.config, method, target, body);
  if (typeof said === 'string') return fail(said);
  for (const line of columns(said)) io.out(line.trimStart());
  return 0;
}

type Rows = readonly (readonly [string, string])[];

/** A text: why the request would be refused at once. */
function explanationOf(config: Config, method: string, target: string, body: Buffer | null): Rows | string {
  const { guardedPath, routeOf } = routingOf(config);
  const receive = createReceive({
    clock: machineClock,
    newId: () => '',
    own: ownFields(),
    guardedPath,
    encodedSlashes: config.coreapp.encodedSlashes,
    trusts: trustIn([]),
  });
  const host = hostIn(target) ?? 'weir';
  const head = {
    method,
    target,
    version: '1.1',
    fields: ['Host', host, ...(body === null ? [] : ['Content-Type', 'application/json'])],
    peer: '127.0.0.1',
    secure: false,
  };
  const { exchange, refusal } = receive(head);
  if (refusal !== null) return `such a request is refused: ${refusal.details ?? refusal.name}`;
  const route = routeOf(exchange);
  return [
    ...routeRows(config, exchange, route),
    ...(route.by === 'weir' ? [] : upstreamRows(config, exchange, route, body)),
  ];
}

const hostIn = (target: string): string | undefined => /^https?:\/\/([^/?#]+)/i.exec(target)?.[1];

function routeRows({ auth, classes, coreapp }: Config, { method, path }: Received, route: Route): Rows {
  const folded = foldedPath(path, coreapp.caseSensitivePaths);
  const found = classes.filter(([pattern, name]) => name === route.class && takesPath(pattern, folded));
  const fitting = found.filter(([pattern]) => pattern.method === null || pattern.method === method);
  const by = fitting.length === 0 ? '' : `  (${fitting.map(([{ text }]) => text).join(', ')})`;
  return [
    ['class', `${route.class}${route.by === 'weir' ? '' : by}`],
    ['answered by', route.by === 'weir' ? 'Weir itself' : 'the upstream'],
    ...mayRows(auth, route),
    ['allowed to', auth.open && route.access === 'user' && route.by !== 'weir' ? 'anybody' : accessWords[route.access]],
  ];
}

/** Users who may use only other classes. */
function mayRows({ may }: Config['auth'], route: Route): Rows {
  const kept = [...may].filter(([, classes]) => !classes.has(route.class)).map(([name]) => name);
  return route.by === 'weir' || kept.length === 0 ? [] : [['not allowed to', kept.join(', ')]];
}

function upstreamRows(config: Config, exchange: Received, route: Route, body: Buffer | null): Rows {
  const { coreapp, line } = config;
  const limits = config.limits[route.class] as ClassLimits;
  const request = collected(identified(routed(exchange, route), { kind: 'nobody' }), body);
  const also = limits.also.map(({ scope, rate, burst, serial, cost }): readonly [string, string] => {
    const much = rate === null ? [] : [`${rate} a second, ${burst} at once`];
    const words = [...much, ...(serial ? ['one at a time'] : [])].join(', ');
    const tokens = cost == null ? '' : `; this request is charged ${estimated(cost.estimate, request, burst)}`;
    return ['limited also', `${words}, for ${sharersOf(scope, request, config)}${tokens}`];
  });
  const costOf = createCosts(line.costs, coreapp.caseSensitivePaths);
  const cost = costOf?.(exchange.method, exchange.path) ?? 1;
  return [
    ['limit', `${limits.rate} a second, ${limits.burst} at once, for ${sharersOf(limits.scope, request, config)}`],
    ...also,
    ['costs', `${cost} ${cost === 1 ? 'slot' : 'slots'}`],
    ['held', limits.hold ? `${limits.holdMaxMs / 1_000} s at most` : 'never: the upstream’s own answer is passed on'],
    ...signalRows(config, route),
    ...heedRows(config, route),
    ['goes to', `${urlOf(coreapp, route)}${coreapp.basePath}`],
    ['credential', credentialWords(config, request)],
  ];
}

/** Which requests share a limit with this one. */
function sharersOf(scope: Scope, request: Collected, { coreapp }: Config): string {
  if (scope.by === 'fleet') return 'all requests of the class';
  if (scope.by === 'principal') return 'each user';
  const value = scopeValue(scope, request, coreapp.caseSensitivePaths);
  const words = `each ${scopeWords(scope)}`;
  return value === null ? `${words}; this request has none` : `${words}: here ${value.replaceAll('\0', ', ')}`;
}

function urlOf({ url, urls }: Config['coreapp'], route: Route): string {
  return (Object.hasOwn(urls, route.class) ? urls[route.class] : url) ?? 'the bundled simulator';
}

/** Never the credential itself. One for the value of a user or a field that the command does not know may take its place. */
function credentialWords({ coreapp }: Config, request: Collected): string {
  const byValue = coreapp.credentials.flatMap(({ of }) => (of?.includes('=') === true ? [of] : []));
  const fitting = byValue.find((of) => {
    const [scope = '', value] = of.split(/=(.*)/s);
    return scopeValue(readScope(scope) as Scope, request, coreapp.caseSensitivePaths) === value;
  });
  const open = byValue.filter((of) => /^(?:principal|header:)/.test(of)).map((of) => `coreapp.authorizations: ${of}`);
  const ofClass = coreapp.credentials.find(({ of }) => of === request.route.class);
  const all = coreapp.credentials.find(({ of }) => of === null);
  const one = fitting ?? ofClass?.of;
  const found = one != null ? `coreapp.authorizations: ${one}` : all === undefined ? 'none' : 'coreapp.authorization';
  return fitting === undefined ? [...open, found].join(', else ') : found;
}

/** The answers that mean "too fast"; the first rule that fits counts. 429 and 503 count besides. */
function signalRows({ throttled }: Config, route: Route): Rows {
  return rulesFor(throttled, route).map(({ status, body, fields, of, then }) => {
    const places = body.map(({ pointer, values }) => [`/${pointer.join('/')}`, values] as const);
    const said = [...fields.map(({ name, values }) => [name, values] as const), ...places];
    const words = said.map(([name, values]) => ` and ${name} ${values.words}`);
    const whose = typeof of === 'number' ? `also ${of}` : of;
    return ['too fast', `${statusWords(status)}${words.join('')}: ${whose}, ${then}`];
  });
}

/** What its answers may announce; the longest pause counts. */
function heedRows({ heed }: Config, route: Route): Rows {
  return rulesFor(heed, route).map((rule) => ['heeds', `${heedWords(rule)}: ${rule.of}`]);
}

function rulesFor<Rule>({ all, byClass }: RulesOf<Rule>, route: Route): Rule[] {
  return [...(byClass.get(route.class) ?? []), ...all];
}

function heedWords(rule: HeedRule): string {
  switch (rule.by) {
    case 'remaining':
      return `${rule.remaining} until ${rule.reset}`;
    case 'structured':
      return rule.name;
    case 'usage':
      return `${rule.name} above ${rule.above} %`;
  }
}

/** All of a hundred in one word. */
function statusWords(status: readonly number[]): string {
  const hundreds = [3, 4, 5].filter(
    (hundred) => status.filter((one) => Math.floor(one / 100) === hundred).length === 100,
  );
  const single = status.filter((one) => !hundreds.includes(Math.floor(one / 100)));
  return [...hundreds.map((hundred) => `${hundred}xx`), ...single].join(' or ');
}
