/**
 * What it costs to find out who asks, for a token in the cache: `node bench/cached-token.ts`.
 *
 * CPU time of this process for each `authenticate`, with the fields of a usual client and every token's text a fresh
 * string, as it comes from a socket: what V8 caches for a string that it has seen before is of no use to Weir, either.
 * The store is in the process, and answers as often as the token cache asks.
 */
import { createLoginGuard } from '../src/adapters/login-guard/guard.ts';
import { MemoryAccounts } from '../src/adapters/memory/accounts.ts';
import { machineClock } from '../src/adapters/node/clock.ts';
import { nodeSecrets } from '../src/adapters/node/secrets.ts';
import type { User } from '../src/auth/accounts.ts';
import { createAuthenticate } from '../src/auth/authenticate.ts';
import { BearerTokens } from '../src/auth/bearer-tokens.ts';
import { createOwnTokens } from '../src/auth/own-tokens.ts';
import type { Routed } from '../src/exchange/exchange.ts';
import { deafMeter } from '../test/support/fleet.ts';
import { request } from '../test/support/webapp.ts';
import { median } from './figures.ts';

/**
 * The most that it may cost, microseconds of CPU: less than a tenth of what a request costs in all (README.md,
 * "Figures").
 */
const aimUs = 3;
const rounds = 15;
const requestsInRound = 50_000;

for (const tokens of [1, 1_000, 10_000]) console.log(await measure(tokens));

async function measure(tokenCount: number): Promise<string> {
  const store = new MemoryAccounts(machineClock);
  await store.addUser({ name: 'anna', role: 'ROLE_USER', passwordHash: 'x', mustChangePassword: false });
  const user = (await store.findUser('anna')) as User;
  let lookUps = 0;
  const distant = Object.assign(Object.create(store), {
    addToken: store.addToken.bind(store),
    findToken(digest: string) {
      lookUps += 1;
      return Promise.resolve(store.findToken(digest));
    },
  });
  const { accounts, tokens: cache } = createOwnTokens(
    { store: distant, secrets: nodeSecrets, clock: machineClock, meter: { storeCalled() {} } },
    { freshMs: 5_000, keptMs: 600_000, max: 10_000 },
  );
  const guard = createLoginGuard(null);
  const authenticate = createAuthenticate({
    tokens: [new BearerTokens({ tokens: cache, end: async () => {}, guard, secrets: nodeSecrets })],
    guard,
    secrets: nodeSecrets,
    meter: deafMeter,
    apiKeys: [],
  });
  const tokens = Array.from({ length: tokenCount }, () => nodeSecrets.token());
  for (const token of tokens) {
    await accounts.addToken(nodeSecrets.digest(token), user, machineClock.wallMs() + 3_600_000);
  }
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) costs.push(await cost(tokens, authenticate));
  const us = median(costs);
  if (us >= aimUs) process.exitCode = 1;
  const asked = `${lookUps} questions to the store for ${rounds * requestsInRound} requests`;
  return `${tokenCount} tokens: ${us.toFixed(2)} µs of CPU a request (aim: under ${aimUs}); ${asked}`;
}

async function cost(tokens: readonly string[], authenticate: ReturnType<typeof createAuthenticate>): Promise<number> {
  const requests = Array.from({ length: requestsInRound }, (_, i) => arrived(tokens[i % tokens.length] as string));
  const before = process.cpuUsage();
  for (const exchange of requests) {
    const answer = authenticate(exchange);
    // The first of a round may wait for the store: building the requests may take longer than a token is cached.
    if ('then' in answer) await answer;
    else if (answer.kind !== 'exchange') throw new Error(`a valid token was refused: ${answer.name}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests.length;
}

function arrived(token: string): Routed {
  const value = Buffer.from(`Bearer ${token}`, 'latin1').toString('latin1');
  return request('POST', '/v1/messages', [
    ...['Host', '127.0.0.1', 'Accept', '*/*', 'User-Agent', 'weir-bench'],
    ...['Authorization', value, 'Content-Type', 'application/json', 'Content-Length', '150'],
  ]);
}
