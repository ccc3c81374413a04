/** The ops port on the app: what it shows, and who may steer. */
import { WindowCounts } from '../adapters/login-guard/window-counts.ts';
import type { Config } from '../config/config.ts';
import { Shared } from '../observe/shared.ts';
import { Operator } from '../ops/operator.ts';
import type { Look, OpsSources, Readiness, ReloadReport, Steer } from '../ops/ports.ts';
import { type Ops, startOps } from '../ops/server.ts';
import { tellNotAccepted } from './edge.ts';
import type { Services } from './services.ts';
import { listenProblem } from './start-error.ts';

/** What the ops port tells of the app. */
interface OpsState {
  readonly readiness: Readiness;
  readonly reload: () => Promise<ReloadReport> | null;
}

/** So many wrong tokens from one network in a minute; then it waits. */
const guessesMax = 10;
const guessWindowMs = 60_000;
const networksMax = 1_000;

export class Operations {
  readonly #ops: Ops;
  readonly #operator: Operator;

  private constructor(ops: Ops, operator: Operator) {
    this.#ops = ops;
    this.#operator = operator;
  }

  /** Rejects with a `StartError` where the ops port can't be listened on. */
  static async open(
    { ops }: Config,
    services: Services,
    state: OpsState,
    { look, steer }: { readonly look: Look; readonly steer: Steer },
  ): Promise<Operations> {
    const { clock, log } = services;
    const { opsConnectionsMax: connectionsMax } = services.places;
    const operator = openOperator(ops, services);
    const sources = { ...sourcesOf(services, state), look, steer };
    const notAccepted = tellNotAccepted(clock, log, 'the ops port');
    const opened = await startOps({ ...ops, connectionsMax }, sources, operator, notAccepted).catch(
      (error: unknown) => {
        throw listenProblem('ops', ops, error);
      },
    );
    return new Operations(opened, operator);
  }

  get port(): number {
    return this.#ops.port;
  }

  configure({ ops }: Config): void {
    this.#operator.configure(ops);
  }

  async close(): Promise<void> {
    await this.#ops.close();
  }
}

/** Who may steer and see names, by the configuration; wrong tokens are written down. */
export function openOperator(settings: Config['ops'], { clock, log }: Pick<Services, 'clock' | 'log'>): Operator {
  const guesses = new WindowCounts(guessesMax, guessWindowMs, networksMax);
  const wrong = (remote: string): void =>
    log.audit({
      action: 'ops.token',
      outcome: 'refused',
      reason: 'unauthenticated',
      by: 'operator',
      requestId: null,
      principal: null,
      user: null,
      remote,
    });
  return new Operator(settings, { guesses, now: () => clock.now(), wrong });
}

function sourcesOf(services: Services, state: OpsState): OpsSources {
  const { clock, meter, snapshot, figuresMaxAgeMs } = services;
  const status = new Shared(
    async () => snapshot(),
    figuresMaxAgeMs,
    () => clock.now(),
  );
  return {
    ready: () => state.readiness,
    snapshot: () => status.get(),
    metrics: (accept?: string) => meter.scrape(accept),
    reload: () => state.reload(),
  };
}
