/** `weir pause`, `resume`, `limit` and `drain`: an operator's orders to the Weir on this machine. */
import type { Environment } from '../config/environment.ts';
import type { LiftedView, SteeringView } from '../observe/steering.ts';
import { tellStrays } from './configured.ts';
import { opsPort } from './ops-address.ts';
import { askOps, wrongIn } from './ops-call.ts';
import { type CommandIo, type Given, type Grammar, givenTo } from './options.ts';

export type SteeringCommand = 'pause' | 'resume' | 'limit' | 'drain';

const told = 'It needs ops.tokenFile. With Redis it reaches all replicas; the answer says so.';

const grammars: Readonly<Record<SteeringCommand, Grammar>> = {
  pause: {
    command: 'pause',
    about: `Pause a class, or a user: requests are held, not refused, for their hold time.\n\n${told}`,
    usage: 'CLASS | --user NAME [--for TIME] [--config FILE]',
    operands: 1,
    optional: 1,
  },
  resume: {
    command: 'resume',
    about: `End a pause of a class or a user, a limit that was set, or a drain. Exits 1 where there was none.\n\n${told}`,
    usage: 'CLASS | --user NAME | --replica NAME [--config FILE]',
    operands: 1,
    optional: 1,
  },
  limit: {
    command: 'limit',
    about: `Give a class another rate and burst for a while.\n\n${told}`,
    usage: 'CLASS RATE BURST [--for TIME] [--config FILE]',
    operands: 3,
  },
  drain: {
    command: 'drain',
    about: `Have a replica be not ready, so that balancers look elsewhere. What comes all the same is served.\n\n${told}`,
    usage: 'REPLICA [--for TIME] [--config FILE]',
    operands: 1,
  },
};

export const steeringGrammars: readonly Grammar[] = Object.values(grammars);

/** Resolves to the exit code. */
export async function steer(
  command: SteeringCommand,
  args: readonly string[],
  env: Environment,
  io: CommandIo,
): Promise<number> {
  const fail = (what: string): number => {
    io.err(`weir ${command}: ${what}`);
    return 1;
  };
  const given = givenTo(grammars[command], args, io);
  if (given === null) return 1;
  const forS = secondsOf(given.options.get('--for') ?? '1h');
  if (forS === null) return fail('--for: give a time such as 30s, 10m or 2h, a day at most');
  const orders = ordersOf(command, given.operands, given.options, forS);
  if (orders === null) return fail(`give weir ${command} ${grammars[command].usage}`);
  tellStrays(env, io);
  const { address, token } = opsPort(given.options.get('--config') ?? null, env, io);
  if (token === null) return fail('the configuration has no ops.tokenFile, so nobody may steer');
  const views: (SteeringView & Partial<LiftedView>)[] = [];
  for (const { method, path, body } of orders) {
    const answer = await askOps(method, `http://${address}/steering/${path}`, { token, body });
    if (answer.status !== 200) return fail(wrongIn(answer));
    views.push(JSON.parse(answer.text) as SteeringView);
  }
  const { reach, inForce } = views.at(-1) as SteeringView;
  if (views.every(({ wasInForce }) => wasInForce === false)) {
    return fail(`${nothingWas(given)}; orders in force: ${inForce.length}`);
  }
  io.out(`done, in ${reach === 'fleet' ? 'all replicas' : 'this replica'}; orders in force: ${inForce.length}`);
  return 0;
}

/** What could not be ended. */
function nothingWas({ operands, options }: Given): string {
  const [user, replica] = [options.get('--user'), options.get('--replica')];
  if (replica !== undefined) return `${replica} was not drained`;
  return user === undefined ? `${operands[0]} was neither paused nor limited` : `the user ${user} was not paused`;
}

interface HttpOrder {
  readonly method: 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** Null: it is not clear what is meant. */
function ordersOf(
  command: SteeringCommand,
  operands: readonly string[],
  options: ReadonlyMap<string, string>,
  seconds: number,
): HttpOrder[] | null {
  const [name] = operands.map(encodeURIComponent);
  const user = options.get('--user');
  const caller = user === undefined ? undefined : encodeURIComponent(`user:${user}`);
  const replica = options.get('--replica');
  if (command === 'limit') {
    // What is no number goes as it was typed: the answer names it.
    const [rate, burst] = operands.slice(1).map((text) => (Number.isFinite(Number(text)) ? Number(text) : text));
    return [{ method: 'PUT', path: `limits/${name}`, body: { rate, burst, seconds } }];
  }
  if (command === 'drain') return [{ method: 'PUT', path: `drains/${name}`, body: { seconds } }];
  if ([name, caller, replica].filter((one) => one !== undefined).length !== 1) return null;
  if (replica !== undefined) return [{ method: 'DELETE', path: `drains/${encodeURIComponent(replica)}` }];
  const pause = caller === undefined ? `pauses/classes/${name}` : `pauses/callers/${caller}`;
  if (command === 'pause') return [{ method: 'PUT', path: pause, body: { seconds } }];
  const limit: HttpOrder[] = name === undefined ? [] : [{ method: 'DELETE', path: `limits/${name}` }];
  return [{ method: 'DELETE', path: pause }, ...limit];
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Null: it is no time, or more than a day. */
function secondsOf(text: string): number | null {
  const [, number = '', unit = ''] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (units[unit] ?? 0);
  return seconds >= 1 && seconds <= 86_400 ? seconds : null;
}
