/** The ops port of a replica: what it shows, and who may steer. */

import { WindowCounts } from '../adapters/login-guard/window-counts.ts';
import type { Config } from '../config/config.ts';
import { Shared } from '../observe/shared.ts';
import type { Snapshot } from '../observe/snapshot.ts';
import { Operator } from '../ops/operator.ts';
import type { OpsSources } from '../ops/ports.ts';
import { type OpsAddress, startOps } from '../ops/server.ts';
import { tellNotAccepted } from './edge.ts';
import type { Services } from './services.ts';
import { listenProblem } from './start-error.ts';

interface Shown extends Required<Omit<OpsSources, 'snapshot'>> {
  /** Made anew once in a while, for all who ask. */
  read(): Promise<Snapshot>;
}

/** So many wrong tokens from one network in a minute; then it waits. */
const guessesMax = 10;
const guessWindowMs = 60_000;
const networksMax = 1_000;

/** Rejects with a `StartError` where the ops port can't be listened on. */
export async function openOperations(
  settings: Config['ops'] & Pick<OpsAddress, 'connectionsMax'>,
  { clock, log }: Pick<Services, 'clock' | 'log'>,
  shown: Shown,
) {
  let { figuresMaxAgeMs } = settings;
  const status = new Shared(
    () => shown.read(),
    () => figuresMaxAgeMs,
    () => clock.now(),
  );
  const operator = operatorBy(settings, { clock, log });
  const sources: OpsSources = { ...shown, snapshot: () => status.get() };
  const notAccepted = tellNotAccepted(clock, log, 'the ops port');
  const ops = await startOps(settings, sources, operator, notAccepted).catch((error: unknown) => {
    throw listenProblem('ops', settings, error);
  });
  return {
    ...ops,
    /** Other tokens, names and ages; where it listens stays. */
    configure(next: Config['ops']): void {
      ({ figuresMaxAgeMs } = next);
      operator.configure(next);
    },
  };
}

/** Who may steer and see names, by the configuration; wrong tokens are written down. */
function operatorBy(settings: Config['ops'], { clock, log }: Pick<Services, 'clock' | 'log'>): Operator {
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
