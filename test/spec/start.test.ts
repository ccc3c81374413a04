/** A start that fails: it names the setting, and nothing stays open. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp } from '../../src/app/app.ts';
import { StartError } from '../../src/app/start-error.ts';
import { config, type Env, load } from '../support/config.ts';
import { listening } from '../support/ports.ts';
import { silentLog } from '../support/silent-log.ts';
import { redisClientForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

const { server, redis } = await redisClientForAll();
let other: Server;
let port: number;
/** Those that begin to listen. */
let servers: Server[];

const began = 'tracing:net.server.listen:asyncEnd';
const keep = (message: unknown): void => void servers.push((message as { readonly server: Server }).server);

beforeAll(async () => {
  other = createServer();
  port = await listening(other);
});
afterAll(() => void other.close());
beforeEach(() => {
  servers = [];
  subscribe(began, keep);
});
afterEach(() => void unsubscribe(began, keep));

const connections = async (): Promise<number> => `${await redis.client('LIST')}`.trim().split('\n').length;

const taken = () => `${port} is taken by another process; stop that one or give another port`;
const nowhere = { coreappUrl: 'http://127.0.0.1:1', version: '0.0.0', hash: '' };
const elsewhere = () => '192.0.2.1 cannot be listened on (EADDRNOTAVAIL); give an address of this machine';

describe('A start that fails', () => {
  it.each<[setting: string, variable: string, settings: () => { yaml?: string; env?: Env }, problem: () => string]>([
    ['listen.port', ' (PORT)', () => ({ env: { PORT: `${port}` } }), taken],
    ['ops.port', ' (OPS_PORT)', () => ({ env: { OPS_PORT: `${port}` } }), taken],
    ['listen.host', ' (HOST)', () => ({ env: { HOST: '192.0.2.1' } }), elsewhere],
    ['ops.host', '', () => ({ yaml: 'ops: {host: 192.0.2.1}' }), elsewhere],
  ])(
    'names %s, and closes the other port and its connections to Redis',
    async (setting, variable, settings, problem) => {
      const { yaml = 'ops: {host: 127.0.0.1}', env } = settings();
      const all = { HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0', REDIS_URL: server.url, ...env };
      const starting = startApp({ ...nowhere, config: config(load(yaml, all)), log: silentLog });
      const error = await starting.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StartError);
      expect(error).toMatchObject({ setting, message: `${setting}${variable}: ${problem()}` });
      expect(servers.filter(({ listening }) => listening)).toEqual([]);
      await until(async () => (await connections()) === 1, { what: 'the connections to be closed' });
    },
  );
});
