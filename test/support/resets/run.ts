/**
 * Opens, feeds and ends connections in every state there is, to a Weir whose Coreapp answers everything that can be
 * written. It uses nothing but what is public: the ports, `/status`, `/metrics`, and what the process says.
 */
import { ask } from '../ask.ts';
import { basic } from '../basic.ts';
import { createAuthority } from '../certificates.ts';
import { Folder } from '../files.ts';
import { holdingsAtRest, leftovers } from '../soak/leftovers.ts';
import { until } from '../until.ts';
import { adminPassword, type RunningWeir, startWeir } from '../weir.ts';
import { type Connection, type Ending, endings, openConnection } from './connection.ts';
import { oddScripts, startAnyCoreapp } from './coreapp.ts';
import { type State, type StateDeps, states } from './states.ts';

interface ResetReport {
  readonly connections: number;
  /** What should not have been. Empty: all is well. */
  readonly problems: readonly string[];
}

/** Connections at a time: four of them have permits, and one has places on the ops port. */
const batchSize = 12;
/** Of each state: 108 connections. In every other batch they end as soon as they have sent what they send. */
const batches = 9;

const kinds = [
  ['GET', '', ''],
  ['POST', 'Content-Length: 4\r\n', 'body'],
  ['GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', ''],
] as const;

/**
 * Weir's address here, and nobody else's: on that of all tests, one whose server has gone may ask at its port, which may
 * be one of this Weir's by now, and its connection would be counted as left over.
 */
const host = '127.77.0.1';
const settings = `
ops: {host: ${host}}
coreapp: {permitsMin: 64, brokenRepeatsMax: 0}
limits: {default: {rate: 10000, burst: 10000}, media: {rate: 10000, burst: 10000}}
stop: {lameDuckMs: 0, graceMs: 5000}
`;

export async function resetEverywhere(secure: boolean): Promise<ResetReport> {
  using folder = new Folder();
  using temporary = new Folder();
  await using coreapp = await startAnyCoreapp();
  const config = folder.write('weir.yaml', secure ? `${settings}listen: {tls: ${certificateIn(folder)}}\n` : settings);
  const env = { HOST: host, COREAPP_URL: coreapp.upstream.url, WEIR_CONFIG: config, TMPDIR: temporary.path };
  await using weir = await startWeir(env);
  const run = new Run(weir, secure, coreapp.seen);
  await run.login();
  await run.idle();
  const before = await holdingsAtRest(weir, temporary.path);
  const saidBefore = weir.process.stderr.length;
  await run.playAll();
  // Connections to the Coreapp are kept for a while; those that are left when it goes are left over.
  await coreapp.upstream.stop();
  const problems = [
    ...(await leftovers(weir, temporary.path, before)),
    ...weir.process.stdout.filter((line) => /"msg":"a bug|"level":"(error|fatal)"/.test(line)),
    ...weir.process.stderr.slice(saidBefore),
    ...((await ask('GET', `${weir.opsUrl}/livez`)).status === 200 ? [] : ['it is not alive']),
  ];
  const exit = await weir.process.stop(60_000, 'SIGINT');
  if (exit.code !== 0) problems.push(`it ended with ${exit.signal ?? `code ${exit.code}`}`);
  return { connections: run.connections, problems };
}

function certificateIn(folder: Folder): string {
  const { cert, key } = createAuthority('Weir test authority').issue('weir', ['localhost']);
  return `{certFile: ${folder.write('tls.crt', cert)}, keyFile: ${folder.write('tls.key', key)}}`;
}

class Run {
  readonly #opsUrl: string;
  readonly #ports: Readonly<Record<State['port'], number>>;
  readonly #secure: boolean;
  readonly #seen: ReadonlySet<string>;
  #token = '';
  /** How many have been opened. */
  connections = 0;

  constructor(weir: RunningWeir, secure: boolean, seen: ReadonlySet<string>) {
    const portOf = (url: string): number => Number(new URL(url).port);
    this.#opsUrl = weir.opsUrl;
    this.#ports = { main: portOf(weir.url), ops: portOf(weir.opsUrl) };
    this.#secure = secure;
    this.#seen = seen;
  }

  async login(): Promise<void> {
    const connection = (await openConnection(host, this.#ports.main, this.#secure)).read();
    connection.send(
      `POST /v1/users/login HTTP/1.1\r\nHost: weir\r\nAuthorization: ${basic('admin', adminPassword)}\r\n\r\n`,
    );
    const token = (): string | undefined => /"token":"([^"]+)"/.exec(connection.received)?.[1];
    this.#token = await until(token, { what: 'a token', deadlineMs: 60_000 });
    await connection.leave('close');
  }

  /** All connections of callers have closed. */
  async idle(): Promise<void> {
    const isIdle = async (): Promise<boolean> => (await this.#status()).connections === 0;
    await until(isIdle, { what: 'all connections to close', deadlineMs: 60_000 });
  }

  /** Several at a time, but none beside another that it would count with its own. */
  async playAll(): Promise<void> {
    const all = Object.entries(states);
    const others = all.filter(([, { port, held }]) => port === 'main' && held !== true);
    const rows = [
      all.filter(([, { held }]) => held === true),
      all.filter(([, { port }]) => port === 'ops'),
      ...[0, 1, 2].map((row) => others.filter((_, i) => i % 3 === row)),
    ];
    const playRow = async (row: typeof all): Promise<void> => {
      for (const [name, state] of row) await this.#play(name, state);
    };
    const odd = [0, 1, 2, 3].map((row) => this.#playOddAnswers(4, row));
    await Promise.all([...rows.map(playRow), ...odd]);
  }

  async #play(name: string, state: State): Promise<void> {
    for (let batch = 0; batch < batches; batch++) {
      const ids = Array.from({ length: batchSize }, (_, i) => `${name.replaceAll(/[^a-z]/g, '-')}.${batch}.${i}`);
      const opened = await this.#openAll(ids, state);
      for (const [id, connection] of opened) connection.send(state.bytes(this.#deps(), id));
      if (batch % 2 === 0) {
        await Promise.resolve(state.reached?.(this.#deps(), opened)).catch((error: unknown) => {
          throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
        });
      }
      await Promise.all([...opened.values()].map((one, i) => one.leave(endings[(batch + i) % 3] as Ending)));
    }
  }

  /** Each odd answer to each kind of request, whose caller takes it or leaves at its first bytes, or before. */
  async #playOddAnswers(rows: number, row: number): Promise<void> {
    for (const odd of oddScripts.keys()) {
      if (odd % rows === row) {
        await Promise.all(kinds.flatMap((kind) => endings.map((_, leaving) => this.#playOdd(odd, kind, leaving))));
      }
    }
  }

  async #playOdd(odd: number, [method, fields, body]: (typeof kinds)[number], leaving: number): Promise<void> {
    const connection = (await openConnection(host, this.#ports.main, this.#secure)).read();
    this.connections += 1;
    const head = `Host: weir\r\nAuthorization: Bearer ${this.#token}\r\nX-Request-Id: odd.${odd}\r\n`;
    connection.send(`${method} /v1/odd/${odd} HTTP/1.1\r\n${head}${fields}\r\n${body}`);
    if (leaving > 0) await connection.answered();
    await connection.leave(endings[leaving] as Ending);
  }

  async #openAll(ids: readonly string[], state: State): Promise<Map<string, Connection>> {
    const secure = this.#secure && state.port === 'main' && state.bare !== true;
    const opened = await Promise.all(ids.map(() => openConnection(host, this.#ports[state.port], secure)));
    this.connections += opened.length;
    if (state.unread !== true) for (const one of opened) one.read();
    return new Map(ids.map((id, i) => [id, opened[i] as Connection]));
  }

  #deps(): StateDeps {
    return { token: this.#token, seen: this.#seen, held: (name) => this.#held(name) };
  }

  async #held(name: string): Promise<number> {
    const { lines, permits } = await this.#status();
    const of = <T extends { readonly class: string }>(all: readonly T[]): T | undefined =>
      all.find((one) => one.class === name);
    return (of(lines)?.requests ?? 0) + (of(permits)?.inUse ?? 0);
  }

  async #status() {
    return (await ask('GET', `${this.#opsUrl}/status`)).json as {
      readonly connections: number;
      readonly lines: readonly { readonly class: string; readonly requests: number }[];
      readonly permits: readonly { readonly class: string; readonly inUse: number }[];
    };
  }
}
