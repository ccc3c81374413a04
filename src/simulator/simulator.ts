/** The Coreapp simulator: the documented limits and answers, load and faults on demand. It is the referee in tests. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Controls, controlPrefix, serveControl } from './control.ts';
import { SimulatedCoreapp } from './coreapp.ts';
import type { Problem } from './problems.ts';
import { defaultSettings, patched, type SettingsPatch } from './settings.ts';

export interface Place {
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** Default: 0, a free one. */
  readonly port?: number;
  /** A second port that answers the control endpoint only, whatever befalls the first. Default: 0, a free one. */
  readonly controlPort?: number;
  /** From 0 up to but not including 1; for fault runs that can be repeated. Default: `Math.random`. */
  readonly random?: () => number;
}

export interface Simulator extends Controls, AsyncDisposable {
  /** Without a trailing slash: `http://127.0.0.1:8081`. */
  readonly url: string;
  readonly port: number;
  /** Of the control endpoint on its own port, without a trailing slash: `http://127.0.0.1:8082/_simulator`. */
  readonly controlUrl: string;
  configure(patch: SettingsPatch): Promise<readonly Problem[]>;
  configure(patch: unknown): Promise<readonly Problem[]>;
  /** Ends every connection, hanging ones too. */
  close(): Promise<void>;
}

/** Wrong settings: each problem names the field, what was given and what would be right. */
class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, text }) => `${path.join('.')}: ${text}`).join('\n'));
    this.problems = problems;
  }
}

// Longer than any client keeps its idle connections, so that the simulator resets none by accident.
const keepAliveMs = 75_000;

/** Rejects with a `SettingsError`, or with the error of `listen` (`EADDRINUSE`, …). */
export async function startSimulator(options: SettingsPatch & Place = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, controlPort = 0, random = Math.random, ...patch } = options;
  const configured = patched(defaultSettings, patch);
  if (configured.kind === 'problems') throw new SettingsError(configured.problems);
  const coreapp = new SimulatedCoreapp(configured.settings, random);
  const main = new Listener(
    mainServer(coreapp, () => controls),
    host,
    port,
  );
  const controls = controlsOf(coreapp, main);
  const control = new Listener(
    createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => serveControl(controls, request, response)),
    host,
    controlPort,
  );
  const close = async (): Promise<void> => {
    await Promise.all([main.stop(), control.stop()]);
  };
  try {
    await main.open();
    await control.open();
    if (!configured.settings.listening) await main.shut();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...controls,
    url: main.url,
    port: main.port,
    controlUrl: `${control.url}${controlPrefix.slice(0, -1)}`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function mainServer(coreapp: SimulatedCoreapp, controls: () => Controls): Server {
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    if (request.url?.startsWith(controlPrefix)) serveControl(controls(), request, response);
    else coreapp.serve(request, response);
  });
  return server.on('connection', (socket: Socket) => {
    if (coreapp.faults.strikesConnection()) socket.resetAndDestroy();
  });
}

function controlsOf(coreapp: SimulatedCoreapp, main: Listener): Controls {
  const { ledger, jobs } = coreapp;
  return {
    settings: () => structuredClone(coreapp.settings),
    async configure(patch) {
      const configured = patched(coreapp.settings, patch);
      if (configured.kind === 'problems') return configured.problems;
      coreapp.change(configured.settings);
      await (configured.settings.listening ? main.open() : main.shut());
      return [];
    },
    seen: () => ({ ...ledger.seen(), jobs: jobs.figures() }),
    trace: (id) => ledger.trace(id),
    arrivals: (name) => ledger.arrivals(name),
    resetSeen() {
      ledger.reset();
      jobs.resetFigures();
    },
  };
}

/** A server on a port that stays its own while it is shut and opened again. */
class Listener {
  readonly #server: Server;
  readonly #host: string;
  #port: number;
  #opening: Promise<void> | null = null;

  constructor(server: Server, host: string, port: number) {
    // A port that can't be had is told by `open`; a connection that can't be accepted later ends nothing.
    this.#server = server.on('error', () => {});
    this.#host = host;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  async open(): Promise<void> {
    if (this.#server.listening) return;
    this.#opening ??= this.#listen().finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** New connections are refused from now on; busy ones go on. */
  async shut(): Promise<void> {
    await this.#opening;
    this.#server.close();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, this.#host);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }
}
