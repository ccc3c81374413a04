/** The Coreapp simulator: the documented limits and answers, load and faults on demand. It is the referee in tests. */
import { type Controls, controlPrefix, serveControl } from './control.ts';
import { SimulatedCoreapp } from './coreapp.ts';
import { Listener } from './listener.ts';
import { lineOf, type Problem } from './problems.ts';
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

/** Rejects with what is wrong with the settings, a line each, or with the error of `listen` (`EADDRINUSE`, …). */
export async function startSimulator(options: SettingsPatch & Place = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, controlPort = 0, random = Math.random, ...patch } = options;
  const configured = patched(defaultSettings, patch);
  if (configured.kind === 'problems') throw new Error(configured.problems.map(lineOf).join('\n'));
  const coreapp = new SimulatedCoreapp(configured.settings, random);
  const main = new Listener(
    (request, response) => {
      if (request.url?.startsWith(controlPrefix)) serveControl(controls, request, response);
      else coreapp.serve(request, response);
    },
    host,
    port,
    (socket) => {
      if (coreapp.faults.strikesConnection()) socket.resetAndDestroy();
    },
  );
  const controls = controlsOf(coreapp, main);
  const control = new Listener((request, response) => serveControl(controls, request, response), host, controlPort);
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
