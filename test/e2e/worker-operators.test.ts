/** What an operator sees and orders of a replica of several processes: as of one. Counted, never timed. */
import { describe, expect, it } from 'vitest';
import { ask, type Told } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { operatorToken } from '../support/operator.ts';
import { until } from '../support/until.ts';
import { RunningWorkers } from '../support/workers.ts';

const yaml = `ops: {figuresMaxAgeMs: 0, token: ${operatorToken}}
limits: {default: {rate: 100000, burst: 100000, holdMaxMs: 600000}}
coreapp: {permitsMin: 200, permitsMax: 400}
`;
const count = 60;
const fields = { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' };

/** A replica of two workers, and an operator of it. */
async function steered() {
  const config = await testFile('weir.yaml', yaml);
  const replica = await RunningWorkers.start({ WEIR_CONFIG: config.path });
  const order = (method: string, path: string, body?: object): Promise<Told> =>
    ask(method, `${replica.weir.opsUrl}/steering${path}`, { fields, body });
  const see = async (path: string) => (await ask('GET', replica.weir.opsUrl + path, { fields })).json;
  const callers = async () => (await see('/status?class=contacts&callers=10')).callers;
  const inLine = async (): Promise<number> => (await see('/status?class=contacts')).lines[0].requests;
  /** Requests with the ids r-0, r-1, … that are in line, in both workers. */
  async function held(): Promise<Promise<Told>[]> {
    const all = Array.from({ length: count }, (_, i) =>
      ask('GET', `${replica.weir.url}/v1/contacts`, {
        fields: { authorization: `Bearer ${replica.token}`, 'x-request-id': `r-${i}` },
      }),
    );
    await until(async () => (await inLine()) === count, { what: `${count} in line` });
    expect((await replica.workers()).every(({ connections }) => connections > 0)).toBe(true);
    return all;
  }
  const trail = () => replica.weir.process.stdout.map((line) => JSON.parse(line)).filter(({ by }) => by === 'operator');
  return {
    replica,
    order,
    see,
    callers,
    held,
    trail,
    async [Symbol.asyncDispose]() {
      await replica[Symbol.asyncDispose]();
      await config[Symbol.asyncDispose]();
    },
  };
}

const statuses = async (requests: readonly Promise<Told>[]): Promise<number[]> =>
  (await Promise.all(requests)).map(({ status }) => status);
const allOk = Array.from({ length: count }, () => 200);

describe('An operator of a replica with workers', () => {
  it('pauses a class in all of them, sees who waits and why, and has it go on', async () => {
    await using scene = await steered();
    const { order, see, callers, held, trail } = scene;
    expect((await order('PUT', '/pauses/classes/contacts', { seconds: 600 })).status).toBe(200);
    const requests = await held();
    expect(await callers()).toMatchObject([{ class: 'contacts', place: 1, caller: 'user:admin', requests: count }]);
    for (let i = 0; i < count; i++)
      expect(await see(`/status/requests/r-${i}`)).toMatchObject({ waitsFor: 'operator' });
    expect((await order('POST', '/requests/r-7/end')).json).toMatchObject({ requests: 1, reach: 'replica' });
    expect((await requests[7])?.status).toBe(503);
    expect((await order('POST', '/requests/r-7/end')).json).toMatchObject({ requests: 0, reach: 'fleet' });
    expect((await order('DELETE', '/pauses/classes/contacts')).json).toMatchObject({ inForce: [] });
    expect(await statuses(requests.toSpliced(7, 1))).toEqual(allOk.slice(1));
    const { recent } = await see('/status?recent=true');
    const contacts = recent.classes.find((one: { class: string }) => one.class === 'contacts');
    const sumOf = (counts: number[]): number => counts.reduce((sum, one) => sum + one, 0);
    expect([sumOf(contacts.came), sumOf(contacts.sent)]).toEqual([count, count - 1]);
    expect(sumOf(contacts.held)).toBeGreaterThanOrEqual(count);
    const orders = await until(() => (trail().length >= 4 ? trail() : null), { what: 'a line for each order' });
    expect(Map.groupBy(orders, ({ action }) => action)).toEqual(
      new Map([
        ['line.pause', [expect.anything()]],
        ['line.end', [expect.anything(), expect.anything()]],
        ['line.resume', [expect.anything()]],
      ]),
    );
  });

  it('has it told as it goes, ends all that a caller has waiting, and changes a limit in all of them', async () => {
    await using scene = await steered();
    const { replica, order, see, held } = scene;
    await order('PUT', '/pauses/callers/user:admin', { seconds: 600 });
    const requests = await held();
    const leaving = new AbortController();
    const events = await fetch(`${replica.weir.opsUrl}/events`, { headers: fields, signal: leaving.signal });
    const { value } = (await events.body?.getReader().read()) ?? {};
    leaving.abort();
    expect(JSON.parse(new TextDecoder().decode(value).slice('data: '.length))).toMatchObject({
      callers: [{ caller: 'user:admin', requests: count }],
      steering: { reach: 'fleet', inForce: [{ order: { kind: 'pauseCaller', caller: 'user:admin' } }] },
      recent: { stepMs: 15_000 },
    });
    expect((await order('POST', '/callers/user:admin/end')).json).toEqual({ requests: count, reach: 'fleet' });
    expect(await statuses(requests)).toEqual(allOk.map(() => 503));
    expect((await order('PUT', '/limits/contacts', { rate: 7, burst: 9 })).status).toBe(200);
    // Of what workers see alike the greater is shown.
    expect((await see('/status?class=contacts')).buckets).toMatchObject([{ rate: 7, burst: 9 }]);
    expect((await order('PUT', '/limits/nothing', { rate: 7, burst: 9 })).status).toBe(422);
  });

  it('is obeyed by a worker that was started afterwards, and drains all of them', async () => {
    await using scene = await steered();
    const { replica, order, see, held } = scene;
    await order('PUT', '/pauses/classes/contacts', { seconds: 600 });
    const [first] = await replica.workers();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    const isThere = ({ pid, state }: { pid: number | null; state: string }) =>
      state === 'serving' && pid !== first?.pid;
    await until(async () => (await replica.workers()).every(isThere), { what: 'another worker in its place' });
    // It hears of orders when it has begun.
    await until(async () => (await see('/status?callers=0')).steering.inForce.length === 1, { what: 'what it heard' });
    const requests = await held();
    await order('DELETE', '/pauses/classes/contacts');
    expect(await statuses(requests)).toEqual(allOk);
    const { name } = (await see('/status?callers=0')).replica;
    expect((await order('PUT', `/drains/${name}`)).status).toBe(200);
    const ready = () => ask('GET', `${replica.weir.opsUrl}/readyz`);
    expect((await ready()).text).toContain('drained by an operator');
    expect((await replica.get()).fields.connection).toBe('close');
    expect((await order('DELETE', `/drains/${name}`)).status).toBe(200);
    expect((await ready()).status).toBe(200);
  });
});
