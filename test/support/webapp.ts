/** The Webapp's part without sockets: route, authenticate, answer, on the stores of this process. */
import { createLoginGuard, type LoginGuardOptions } from '../../src/adapters/login-guard/guard.ts';
import { MemoryAccounts } from '../../src/adapters/memory/accounts.ts';
import { createPasswords, type PasswordsOptions } from '../../src/adapters/node/passwords.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { createAuthenticate } from '../../src/auth/authenticate.ts';
import { BearerTokens } from '../../src/auth/bearer-tokens.ts';
import { ensureAdmin } from '../../src/auth/first-admin.ts';
import type { JwtAuth } from '../../src/auth/jwt.ts';
import { ownVerifier } from '../../src/auth/own-tokens.ts';
import type { AccountStore, Passwords, PasswordTurn } from '../../src/auth/ports.ts';
import type { Tokens } from '../../src/auth/token-cache.ts';
import type { Clock } from '../../src/clock.ts';
import { collected, type Routed, received, routed } from '../../src/exchange/exchange.ts';
import type { Page } from '../../src/exchange/outcome.ts';
import { type Refusal, refusalTable } from '../../src/exchange/refusals.ts';
import type { Fields } from '../../src/http/fields.ts';
import type { AuditLine } from '../../src/observe/audit.ts';
import { audit } from '../../src/profiles/coreapp/audit.ts';
import { errorEnvelope } from '../../src/profiles/coreapp/envelope.ts';
import { createWebapp } from '../../src/profiles/coreapp/webapp.ts';
import { basic } from './basic.ts';
import { deafMeter } from './fleet.ts';
import { routeOf } from './routes.ts';
import { silentLog } from './silent-log.ts';
import { VirtualClock } from './virtual-clock.ts';

/** The least that argon2 takes: under a millisecond. */
export const cheapPasswords: PasswordsOptions = {
  memoryKib: 8,
  passes: 1,
  lanes: 1,
  turnsMax: 2,
  waitersMax: 64,
  waitMaxMs: 600_000,
};

interface Asked {
  readonly fields?: Fields;
  /** Text as it is; anything else as JSON. */
  readonly body?: unknown;
  readonly remote?: string;
}

interface Said {
  readonly status: number;
  /** The envelope's error, where there is one. */
  readonly error: { readonly code: number; readonly title: string; readonly details?: string } | undefined;
  readonly json: Record<string, unknown>;
  readonly refusal: Refusal | null;
}

export interface TestWebapp {
  readonly clock: VirtualClock;
  readonly accounts: AccountStore;
  readonly passwords: Passwords;
  /** The audit trail so far. */
  readonly trail: AuditLine[];
  readonly ask: (method: string, path: string, asked?: Asked) => Promise<Said>;
  readonly logIn: (username: string, password: string, asked?: Omit<Asked, 'fields'>) => Promise<Said>;
  /** Logs in with a password that must be right; gives the token. */
  readonly token: (username: string, password: string, remote?: string) => Promise<string>;
  /** Asks with a new token of the admin, whose password is `goodPassword`. */
  readonly askAsAdmin: (method: string, path: string, body?: unknown) => Promise<Said>;
  /** Which status a message with this token gets: 200 while it is valid. */
  readonly statusOf: (token: string) => Promise<number>;
  /** Creates a user and logs it in. */
  readonly user: (username: string) => Promise<string>;
}

interface TestWebappOptions {
  readonly accounts?: AccountStore;
  /** The admin's; null: `admin`/`secret`, to be changed. */
  readonly adminPassword?: string | null;
  readonly apiKeys?: readonly string[];
  readonly guard?: LoginGuardOptions;
  readonly passwords?: Passwords;
  readonly clock?: VirtualClock;
  readonly jwt?: JwtAuth;
}

export const goodPassword = 'Correct-Horse-1';

export function withBasic(username: string, password: string): Fields {
  return ['Authorization', basic(username, password)];
}

export function withToken(token: string): Fields {
  return ['Authorization', `Bearer ${token}`];
}

/** A routed request as the stages before would hand it on. */
export function request(method: string, target: string, fields: Fields = [], remote = '192.0.2.1'): Routed {
  const [path = target] = target.split('?');
  const origin = { peer: remote, remote, scheme: 'http', trusted: false };
  return routed(
    received({ id: 'test', method, target, path, fields: [...fields], origin, arrivedAt: 0 }),
    routeOf(path),
  );
}

interface Shared {
  readonly clock: Clock;
  readonly accounts: NonNullable<TestWebappOptions['accounts']>;
  readonly passwords: NonNullable<TestWebappOptions['passwords']>;
  readonly guard: ReturnType<typeof createLoginGuard>;
}

function stagesOf({ jwt, apiKeys = [] }: TestWebappOptions, { clock, accounts, passwords, guard }: Shared) {
  const own = {
    tokens: {
      verifier: ownVerifier(accounts, nodeSecrets),
      recall: () => 'unheard',
      find: (digest) => accounts.findToken(digest),
    } satisfies Tokens,
    end: (text: string) => accounts.dropToken(nodeSecrets.digest(text)),
  };
  const tokens = (jwt === undefined ? [own] : [own, jwt]).map(
    (kind) => new BearerTokens({ ...kind, guard, secrets: nodeSecrets }),
  );
  const authenticate = createAuthenticate({
    meter: deafMeter,
    tokens,
    guard,
    secrets: nodeSecrets,
    apiKeys,
  });
  const webapp = createWebapp({
    accounts,
    passwords,
    secrets: nodeSecrets,
    guard,
    clock,
    log: silentLog,
    tokens,
    tokenLifetimeMs: 7 * 24 * 60 * 60 * 1_000,
    turn: () => null,
    figures: async (format) => ({ kind: 'page', status: 200, fields: [], body: JSON.stringify({ format }) }),
  });
  return { authenticate, webapp };
}

export async function startWebapp(options: TestWebappOptions = {}): Promise<TestWebapp> {
  const clock = options.clock ?? new VirtualClock(Date.UTC(2018, 1, 22, 15, 29, 26, 500));
  const accounts = options.accounts ?? new MemoryAccounts(clock);
  const passwords = options.passwords ?? createPasswords(cheapPasswords, realTime);
  const adminPassword = options.adminPassword === undefined ? goodPassword : options.adminPassword;
  await ensureAdmin(accounts, createPasswords(cheapPasswords, realTime), adminPassword);
  const guard = createLoginGuard(null, options.guard);
  const { authenticate, webapp } = stagesOf(options, { clock, accounts, passwords, guard });

  const trail: AuditLine[] = [];
  const log = { ...silentLog, audit: (line: AuditLine) => void trail.push(line) };

  const answer = async (arrived: Routed, body: unknown): Promise<Page | Refusal> => {
    const exchange = await authenticate(arrived);
    if (exchange.kind === 'refusal') return exchange;
    if (exchange.route.by !== 'weir') return { kind: 'page', status: 200, fields: [], body: '{}' };
    return await webapp.answer(collected(exchange, bytes(body)));
  };
  const ask: TestWebapp['ask'] = async (method, path, { fields = [], body, remote } = {}) => {
    const arrived = request(method, path, fields, remote);
    const outcome = await answer(arrived, body);
    audit(log, arrived, outcome);
    return said(outcome);
  };
  const logIn: TestWebapp['logIn'] = (username, password, asked) =>
    ask('POST', '/v1/users/login', { fields: withBasic(username, password), ...asked });
  const token: TestWebapp['token'] = async (username, password, remote) =>
    tokenOf(await logIn(username, password, remote === undefined ? {} : { remote }));
  const askAsAdmin: TestWebapp['askAsAdmin'] = async (method, path, body) =>
    ask(method, path, { fields: withToken(await token('admin', goodPassword)), body });
  const statusOf: TestWebapp['statusOf'] = async (text) =>
    (await ask('GET', '/v1/messages', { fields: withToken(text) })).status;
  const user: TestWebapp['user'] = async (username) => {
    const { status } = await askAsAdmin('POST', '/v1/users', { username, password: goodPassword });
    if (status !== 201) throw new Error(`Creating ${username} was answered ${status}.`);
    return await token(username, goodPassword);
  };
  return { clock, accounts, passwords, trail, ask, logIn, token, askAsAdmin, statusOf, user };
}

/** Passwords that are verified by way of `verify`. */
export function verifiedBy(
  inner: Passwords,
  verify: (turn: PasswordTurn, ...asked: Parameters<PasswordTurn['verify']>) => ReturnType<PasswordTurn['verify']>,
): Passwords {
  return {
    async enter(asker) {
      const turn = await inner.enter(asker);
      if (turn.kind === 'busy') return turn;
      return {
        ...turn,
        verify: (...asked) => verify(turn, ...asked),
        [Symbol.dispose]: () => turn[Symbol.dispose](),
      };
    },
  };
}

/** The token of a login's answer. */
export function tokenOf({ status, json }: Said): string {
  const users = json.users as readonly { readonly token: string }[] | undefined;
  const token = users?.[0]?.token;
  if (token === undefined) throw new Error(`The login was answered ${status}: ${JSON.stringify(json)}`);
  return token;
}

/** Waits for turns pass in real time, whatever the Webapp's own clock says. */
const realTime: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

function said(outcome: Page | Refusal): Said {
  const refusal = outcome.kind === 'refusal' ? outcome : null;
  const body = outcome.kind === 'refusal' ? errorEnvelope(outcome) : outcome.body;
  const status = outcome.kind === 'refusal' ? refusalTable[outcome.name].status : outcome.status;
  const json = JSON.parse(body) as Record<string, unknown>;
  return { status, error: (json.errors as NonNullable<Said['error']>[] | undefined)?.[0], json, refusal };
}

function bytes(body: unknown): Buffer | null {
  if (body === undefined) return null;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
