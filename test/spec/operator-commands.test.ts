/** `weir users …` and `weir tokens revoke`: what an operator types, what is printed, and what has changed. */
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { createTerminal, type Terminal } from '../../src/adapters/node/terminal.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';
import type { User } from '../../src/auth/accounts.ts';
import { tokens } from '../../src/commands/tokens.ts';
import { users } from '../../src/commands/users.ts';
import { type Env, type Files, readFrom } from '../support/config.ts';
import { startRedis } from '../support/redis.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { goodPassword } from '../support/webapp.ts';

const nobody: Terminal = {
  interactive: false,
  askHidden: () => Promise.reject(new Error('Nobody is there to be asked.')),
  readAll: () => Promise.reject(new Error('Nothing is fed.')),
};

const typing = (...answers: string[]): Terminal => ({
  ...nobody,
  interactive: true,
  askHidden: async () => (answers.length === 0 ? null : answers),
});

const redis = await redisForAll();
const connection = await connectedTo(redis.url, 60_000);
afterAll(() => connection.disconnect());
const accounts = new RedisAccounts(connection, machineClock);

interface Typed {
  readonly env?: Env;
  readonly files?: Files;
  readonly terminal?: Terminal;
}

async function weir(line: string, { env, files = {}, terminal = nobody }: Typed = {}) {
  const [command, ...args] = line.split(' ').map((word) => word.replaceAll('_', ' '));
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    readFile: readFrom({ 'w.yaml': '{}', 'p.txt': `${goodPassword}\n`, ...files }),
    terminal,
  };
  const environment = env ?? { REDIS_URL: redis.url, WEIR_CONFIG: 'w.yaml' };
  const code = await (command === 'users' ? users : tokens)(args, environment, io);
  return { code, out, err };
}

let names = 0;
async function added(role: User['role'] = 'ROLE_USER'): Promise<User & { readonly digest: string }> {
  const name = `someone${++names}`;
  await accounts.addUser({ name, role, passwordHash: '$argon2id$x', mustChangePassword: true });
  const user = (await accounts.findUser(name)) as User;
  const digest = nodeSecrets.digest(nodeSecrets.token());
  await accounts.addToken(digest, user, machineClock.wallMs() + 3_600_000);
  return { ...user, digest };
}

/** What a command says that has done it. */
const done = (action: string, user: string, said: string) => ({
  code: 0,
  out: [`${user}: ${said}`],
  err: audit(action, user),
});

/** What a command says that can't do it. */
const refused = (problem: string) => ({ code: 1, out: [], err: [`weir ${problem}`] });

const audit = (action: string, user: string) => [
  expect.stringMatching(
    new RegExp(
      `"msg":"audit","action":"${action}","outcome":"done","reason":null,"by":"command line","requestId":null,"principal":null,"user":"${user}","remote":null}$`,
    ),
  ),
];

describe('weir users', () => {
  it.each([
    ['from a file', '--password-file p.txt', {}],
    [
      'from a file with a byte order mark',
      '--password-file p.txt',
      { files: { 'p.txt': `\ufeff${goodPassword}\r\n` } },
    ],
    ['from the standard input', '--password-file=-', { terminal: { ...nobody, readAll: async () => goodPassword } }],
    ['from a prompt', '', { terminal: typing(goodPassword, goodPassword) }],
  ])('add: a user, with a password %s', async (_, option, typed) => {
    const name = `fresh${++names}`;
    expect(await weir(`users add ${name} ${option}`.trimEnd(), typed)).toEqual(done('user.add', name, 'added'));
    expect(await accounts.findUser(name)).toMatchObject({
      role: 'ROLE_USER',
      mustChangePassword: false,
      passwordHash: expect.stringMatching(/^\$argon2id\$v=19\$/),
    });
  });

  it('passwd: another password, no tokens, no duty to change it', async () => {
    const user = await added('ROLE_ADMIN');
    expect(await weir(`users passwd ${user.name} --password-file p.txt`)).toEqual(
      done('user.password', user.name, 'password changed, tokens revoked'),
    );
    const now = await accounts.findUser(user.name);
    expect(now).toMatchObject({ role: 'ROLE_ADMIN', mustChangePassword: false });
    expect(now?.passwordHash).not.toBe(user.passwordHash);
    expect(await accounts.findToken(user.digest)).toBeUndefined();
  });

  it('delete: no user, no tokens', async () => {
    const { name, digest } = await added();
    expect(await weir(`users delete ${name}`)).toEqual(done('user.delete', name, 'deleted, tokens revoked'));
    expect(await accounts.findUser(name)).toBeUndefined();
    expect(await accounts.findToken(digest)).toBeUndefined();
  });

  it('list: name and role of every user, a line each, and nothing else', async () => {
    const env = { REDIS_URL: redis.url, WEIR_CONFIG: 'w.yaml' };
    const files = { 'w.yaml': 'redis: {keyPrefix: "list:"}' };
    expect(await weir('users list', { env, files })).toEqual({ code: 0, out: [], err: [] });
    for (const name of ['with_blank', 'anna']) {
      await weir(`users add ${name} --password-file p.txt`, { env, files });
    }
    expect(await weir('users list', { env, files })).toEqual({
      code: 0,
      out: ['anna\tROLE_USER', 'with blank\tROLE_USER'],
      err: [],
    });
  });

  it('asks nothing of settings that have nothing to do with users', async () => {
    const yaml = `
listen: {port: 99999999, tls: {certFile: /nowhere/cert.pem, keyFile: /nowhere/key.pem}}
auth: {jwt: {issuer: https://login.example.com/}, apiKeyFile: /nowhere/key}
limits: {messages: {rate: -1}}`;
    const env = {
      NODE_ENV: 'production',
      REDIS_URL: redis.url,
      WEIR_CONFIG: 'w.yaml',
      PORT: 'none',
      WA_API_KEY: 'short',
    };
    expect(await weir('users list', { env, files: { 'w.yaml': yaml } })).toMatchObject({ code: 0, err: [] });
  });

  it.each([
    ['redis: {callTimeoutMs: -1}', /redis\.callTimeoutMs/],
    ['auth: {adminPassword: short}', /auth\.adminPassword/],
    ['auth: {adminPasswordFile: /nowhere/password}', /auth\.adminPasswordFile/],
    ['log: {level: loud}', /log\.level/],
    ['redis: {certFile: /nowhere/cert.pem}', /redis\.certFile/],
    ['reddis: {keyPrefix: other}', /reddis/],
    ['redis: [', /w\.yaml/],
  ])('but is strict with its own: %s', async (yaml, problem) => {
    expect(await weir('users list', { files: { 'w.yaml': yaml } })).toMatchObject({
      code: 1,
      out: [],
      err: expect.arrayContaining([expect.stringMatching(problem)]),
    });
  });

  it('names are taken in one form, and found in any', async () => {
    const [nfc, nfd] = ['j\u00fcrgen1', 'ju\u0308rgen1'];
    expect(await weir(`users add ${nfd} --password-file p.txt`)).toMatchObject({ code: 0, out: [`${nfc}: added`] });
    expect(await weir(`users passwd ${nfd} --password-file p.txt`)).toMatchObject({
      out: [`${nfc}: password changed, tokens revoked`],
    });
    expect(await weir(`tokens revoke --user ${nfd}`)).toMatchObject({ out: [`${nfc}: tokens revoked`] });
    expect(await weir(`users add J\u00dcRGEN1 --password-file p.txt`)).toEqual(
      refused(`users add: the user name "J\u00dcRGEN1" could be taken for "${nfc}"; give another one`),
    );
    expect(await weir(`users delete ${nfd}`)).toMatchObject({ out: [`${nfc}: deleted, tokens revoked`] });
  });

  it('a name behind -- may begin with a dash', async () => {
    expect(await weir('users add --password-file p.txt -- -dash')).toMatchObject({ code: 0, out: ['-dash: added'] });
  });
});

describe('weir tokens revoke', () => {
  it('ends all tokens of the user; its password stays', async () => {
    const user = await added();
    expect(await weir(`tokens revoke --user ${user.name}`)).toEqual(done('tokens.revoke', user.name, 'tokens revoked'));
    expect(await accounts.findToken(user.digest)).toBeUndefined();
    expect((await accounts.findUser(user.name))?.passwordHash).toBe(user.passwordHash);
  });
});

describe('weir tokens list', () => {
  const date = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  const lineOf = ({ name, digest }: { readonly name: string; readonly digest: string }) =>
    expect.stringMatching(new RegExp(`^${digest.slice(0, 12)}\t${name}\t${date}\t${date}$`));

  it('tells the valid tokens of a user, of each what tells it apart, and never a token', async () => {
    const user = await added();
    expect(await weir(`tokens list ${user.name}`)).toEqual({ code: 0, out: [lineOf(user)], err: [] });
    await accounts.dropToken(user.digest);
    expect(await weir(`tokens list ${user.name}`)).toEqual({ code: 0, out: [], err: [] });
  });

  it('tells those of all users where none is named', async () => {
    const [one, two] = [await added(), await added()];
    const { code, out } = await weir('tokens list');
    expect([code, out]).toEqual([0, expect.arrayContaining([lineOf(one), lineOf(two)])]);
    expect(out).toEqual(out.toSorted((a, b) => ((a.split('\t')[1] ?? '') < (b.split('\t')[1] ?? '') ? -1 : 1)));
  });
});

describe('what cannot be done is said in one line, with exit code 1:', () => {
  const asked = { terminal: typing() };
  const times = 'give a time such as 12h, 90d, 1y, or never';
  const usage = 'give weir users add NAME [--password-file FILE] [--config FILE]';
  it.each<[string, Typed, string]>([
    ['users add anna --password X', {}, 'users add: unknown option "--password"; did you mean --password-file FILE?'],
    ['users add anna Secret-1', {}, `users add: an argument too many; ${usage}`],
    ['users add', {}, `users add: an argument is missing; ${usage}`],
    ['users add ann --password-file p.txt', {}, 'users add: the user name must have 4 to 32 characters, not 3'],
    [
      'users add a:nna --password-file p.txt',
      {},
      'users add: the user name must not hold a colon: Basic credentials end the name there',
    ],
    [
      'users add login --password-file p.txt',
      {},
      'users add: the user name must not be login or logout: these are endpoints',
    ],
    [
      'users add somebody --password-file nowhere',
      {},
      'users add: --password-file: "nowhere" cannot be read (ENOENT); give a readable file',
    ],
    [
      'users add somebody',
      {},
      'users add: there is no terminal to ask for the password; give --password-file FILE (- is the standard input)',
    ],
    ['users add somebody', asked, 'users add: stopped: nothing was changed'],
    [
      'users add somebody',
      { terminal: typing(goodPassword, 'Other-Horse-2') },
      'users add: the two passwords differ: nothing was changed',
    ],
    [
      'users passwd nobody --password-file p.txt',
      {},
      'users passwd: there is no user "nobody"; weir users list names all',
    ],
    [
      'users passwd admin --password-file p.txt',
      { env: { WEIR_CONFIG: 'w.yaml', WEIR_ADMIN_PASSWORD: goodPassword, REDIS_URL: 'redis' } },
      'users passwd: auth.adminPassword (WEIR_ADMIN_PASSWORD) is set and would change it back; change it there and restart',
    ],
    ['users delete nobody', {}, 'users delete: there is no user "nobody"; weir users list names all'],
    ['users list anna', {}, 'users list: unknown argument "anna"; give weir users list [--config FILE]'],
    [
      'users list',
      { env: { WEIR_CONFIG: 'w.yaml' } },
      'users list: redis.url (REDIS_URL) is not set: users and tokens live inside weir serve, so there is nothing to manage from here',
    ],
    ['users remove anna', {}, 'users: give add, list, passwd, delete, such as weir users list'],
    ['users toString', {}, 'users: give add, list, passwd, delete, such as weir users list'],
    ['users', {}, 'users: give add, list, passwd, delete, such as weir users list'],
    ['tokens revoke', {}, 'tokens revoke: --user is missing; give weir tokens revoke ID | --user NAME [--config FILE]'],
    ['tokens revoke --user nobody', {}, 'tokens revoke: there is no user "nobody"; weir users list names all'],
    ['tokens list nobody', {}, 'tokens list: there is no user "nobody"; weir users list names all'],
    ['tokens list anna berta', {}, 'tokens list: an argument too many; give weir tokens list [NAME] [--config FILE]'],
    ['tokens', {}, 'tokens: give create, revoke or list, such as weir tokens revoke --user NAME'],
    ['tokens make', {}, 'tokens: give create, revoke or list, such as weir tokens revoke --user NAME'],
    [
      'tokens create',
      {},
      'tokens create: --user is missing; give weir tokens create --user NAME [--expires TIME] [--label TEXT] [--role ROLE] [--config FILE]',
    ],
    [
      'tokens create --user a:b',
      {},
      'tokens create: the user name must not hold a colon: Basic credentials end the name there',
    ],
    ['tokens create --user crm --expires 90', {}, `tokens create: --expires: "90" is not allowed; ${times}`],
    ['tokens create --user crm --expires 101y', {}, `tokens create: --expires: "101y" is not allowed; ${times}`],
    ['tokens create --user crm --role boss', {}, 'tokens create: --role: "boss" is not allowed; give user or admin'],
  ])('weir %s', async (line, typed, problem) => {
    const env = typed.env?.['REDIS_URL'] === 'redis' ? { ...typed.env, REDIS_URL: redis.url } : typed.env;
    expect(await weir(line, { ...typed, ...(env === undefined ? {} : { env }) })).toEqual(refused(problem));
  });

  it.each([
    ['weak-and-long-1\n', 'the password must hold an upper-case letter'],
    ['a\nb\n', '--password-file: it has more than one line: a line feed (U+000A), character 2'],
    [`${goodPassword}\n\n`, '--password-file: it has more than one line: a line feed (U+000A), character 16'],
    [`${goodPassword}\r`, '--password-file: it has more than one line: a carriage return (U+000D), character 16'],
    ['Correct\u200b-Horse-1\n', 'the password must not hold a zero width space (U+200B), character 8'],
    [
      Buffer.from('Corr\xe9ct-Horse-1\n', 'latin1').toString(),
      'the password must not hold something that is not UTF-8, character 5',
    ],
    [Buffer.from(`\ufeff${goodPassword}\n`, 'utf16le').toString(), '--password-file: it is UTF-16; save it as UTF-8'],
    ['\n', '--password-file: it is empty; it has to hold one line, the password'],
  ])('a password file of %j', async (text, problem) => {
    expect(await weir('users add somebody --password-file p.txt', { files: { 'p.txt': text } })).toEqual(
      refused(`users add: ${problem}`),
    );
  });

  it('a user that exists already', async () => {
    const user = await added();
    expect(await weir(`users add ${user.name} --password-file p.txt`)).toEqual(
      refused(`users add: there is a user "${user.name}" already; weir users passwd changes it`),
    );
    expect(await accounts.findUser(user.name)).toMatchObject({ version: user.version });
  });

  it('an admin that is to be deleted', async () => {
    const { name } = await added('ROLE_ADMIN');
    expect(await weir(`users delete ${name}`)).toEqual(
      refused(`users delete: ${name} is an admin, and admins can't be deleted`),
    );
    expect(await accounts.findUser(name)).toBeDefined();
  });

  it('a configuration that is wrong', async () => {
    const { code, err } = await weir('users list', { env: { WEIR_CONFIG: 'w.yaml', LOG_LEVEL: 'x', REDIS_URL: 'x' } });
    expect([code, err.length]).toEqual([1, 2]);
  });

  it('a Redis that is away, without the password in its address', async () => {
    const env = { WEIR_CONFIG: 'w.yaml', REDIS_URL: 'redis://weir:hush-hush@127.0.0.1:1' };
    const { code, out, err } = await weir('users list', { env });
    expect([code, out, err]).toEqual([
      1,
      [],
      [expect.stringMatching(/^weir users list: Redis does not serve \(connect ECONNREFUSED .*\); look at redis\.url/)],
    ]);
    expect(err.join()).not.toContain('hush');
  });

  it.each([
    ['wants a password and gets none', '', /NOAUTH/],
    ['wants another password', ':hush-hush@', /WRONGPASS/],
  ])('a Redis that %s', async (_, login, why) => {
    await using guarded = await startRedis(['--requirepass', 'another']);
    const env = { WEIR_CONFIG: 'w.yaml', REDIS_URL: guarded.url.replace('//', `//${login}`) };
    const { code, err } = await weir('users list', { env });
    expect([code, err]).toEqual([1, [expect.stringMatching(why)]]);
    expect(err.join()).not.toContain('hush');
  });
});

describe('the prompt', () => {
  function open(interactive = true) {
    const raw: boolean[] = [];
    const input = Object.assign(new PassThrough(), {
      isTTY: interactive,
      setRawMode: (mode: boolean) => void raw.push(mode),
    });
    const shown: string[] = [];
    const terminal = createTerminal(input, { write: (text) => shown.push(text) });
    return { input, raw, shown, terminal };
  }

  it.each<[string, string, string[] | null]>([
    ['takes a line for each question', 'one\rtwo\r', ['one', 'two']],
    ['takes lines that end as in a file', 'one\ntwo\n', ['one', 'two']],
    ['lets a typing mistake be taken back', 'onf\x7fe\rtwo\r', ['one', 'two']],
    ['lets a line be begun anew (Ctrl-U)', 'wrong\x15one\rtwo\r', ['one', 'two']],
    ['takes letters beyond ASCII', 'zoë-ü\rzoë-ü\r', ['zoë-ü', 'zoë-ü']],
    ['stops at Ctrl-C', 'on\x03', null],
    ['stops at Ctrl-D', 'one\r\x04', null],
  ])('%s', async (_, typed, answers) => {
    const { input, raw, shown, terminal } = open();
    const asked = terminal.askHidden(['First: ', 'Second: ']);
    input.write(typed);
    expect(await asked).toEqual(answers);
    expect(shown.join('').replaceAll('\n', '')).toMatch(/^First: (Second: )?$/);
    expect(raw).toEqual([true, false]); // The terminal does not echo, and is left as it was found.
  });

  it('reads what is fed up to a bound', async () => {
    for (const [text, read] of [
      ['one\n', 'one\n'],
      ['x'.repeat(50), null],
    ] as const) {
      const { input, terminal } = open(false);
      input.end(text);
      expect([terminal.interactive, await terminal.readAll(40)]).toEqual([false, read]);
    }
  });
});

describe('weir tokens create', () => {
  it('prints a token and nothing else, of a user that is added, as which nobody can log in', async () => {
    const { code, out, err } = await weir('tokens create --user crm --label for_the_night');
    expect([code, out.length]).toEqual([0, 1]);
    const [token = ''] = out;
    expect(nodeSecrets.couldBeToken(token)).toBe(true);
    expect(err).toEqual([...audit('user.add', 'crm'), ...audit('tokens.create', 'crm')]);
    const found = await accounts.findToken(nodeSecrets.digest(token));
    expect(found).toMatchObject({ user: 'crm', role: 'ROLE_USER' });
    const days = ((found?.expiresAtMs ?? 0) - machineClock.wallMs()) / 86_400_000;
    expect(Math.ceil(days)).toBe(90);
    expect((await weir('tokens list crm')).out).toEqual([
      expect.stringMatching(/^[\da-f]{12}\tcrm\t.*\tfor the night$/),
    ]);
    expect((await accounts.findUser('crm'))?.passwordHash).toMatch(/^\$argon2id\$/);
  });

  it('of a user that there is, but not with another role', async () => {
    const { name } = await added();
    expect(await weir(`tokens create --user ${name} --role admin`)).toEqual(
      refused(`tokens create: ${name} has the role ROLE_USER, and so have its tokens; leave --role out`),
    );
  });

  it('of a user that there is, with its role; never is never', async () => {
    const user = await added('ROLE_ADMIN');
    const { out } = await weir(`tokens create --user ${user.name} --expires never --role admin`);
    expect(await accounts.findToken(nodeSecrets.digest(out[0] ?? ''))).toMatchObject({ role: 'ROLE_ADMIN' });
    expect((await weir(`tokens list ${user.name}`)).out.at(-1)).toMatch(/\tnever$/);
  });

  it('a token that more logins than a user may have do not end, and that ends with all others', async () => {
    const { out } = await weir('tokens create --user often');
    const digest = nodeSecrets.digest(out[0] ?? '');
    const few = new RedisAccounts(connection, machineClock, 'weir:', 2);
    const user = (await accounts.findUser('often')) as User;
    const logins = ['a', 'b', 'c'].map((text) => nodeSecrets.digest(text));
    for (const login of logins) await few.addToken(login, user, machineClock.wallMs() + 3_600_000);
    expect(await accounts.findToken(digest)).toMatchObject({ user: 'often' });
    expect(await accounts.findToken(logins[0] as string)).toBeUndefined();
    expect(await accounts.findToken(logins[2] as string)).toMatchObject({ user: 'often' });
    await weir('tokens revoke --user often');
    expect(await accounts.findToken(digest)).toBeUndefined();
  });

  it('and revoke ID ends it alone', async () => {
    const [one, other] = [await weir('tokens create --user pair'), await weir('tokens create --user pair --label x')];
    const digest = nodeSecrets.digest(other.out[0] ?? '');
    const id = digest.slice(0, 12);
    expect(await weir(`tokens revoke ${id}`)).toEqual(done('tokens.revoke', 'pair', `token ${id} revoked`));
    expect(await accounts.findToken(digest)).toBeUndefined();
    expect(await accounts.findToken(nodeSecrets.digest(one.out[0] ?? ''))).toMatchObject({ user: 'pair' });
    expect(await weir(`tokens revoke ${id}`)).toEqual(
      refused(`tokens revoke: there is no valid token with the id "${id}"; weir tokens list names all`),
    );
  });
});
