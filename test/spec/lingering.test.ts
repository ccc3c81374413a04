/** A caller that is refused before there is an exchange and goes on sending is cut off soon, however long a body may stand still. */
import { describe, expect, it } from 'vitest';
import { appForAll, startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

const yaml = (headTimeoutMs: number) =>
  JSON.stringify({ http: { headTimeoutMs, bodyIdleTimeoutMs: 600_000, keepAliveTimeoutMs: 600_000 } });

const { upstream, app } = await startForAll(yaml(600_000));
const hasty = await appForAll(upstream, yaml(100));

describe('A caller that does not heed its refusal is cut off within seconds', () => {
  it.concurrent.each([
    ['a head that does not come to its end', 'GET /v1/contacts HTTP/1.1\r\nHost: w', 408, hasty],
    [
      'a head that is too large',
      `GET /v1/contacts HTTP/1.1\r\nHost: weir\r\nX-Any: ${'x'.repeat(20_000)}\r\n`,
      431,
      app,
    ],
    ['a head that is none', 'nonsense\r\n\r\n', 400, app],
    ['a request for a tunnel', 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n', 400, app],
  ])('%s', async (_, bytes, status, by) => {
    await using caller = await by.call();
    caller.send(bytes);
    expect((await caller.answer('GET')).status).toBe(status);
    const isCut = (): boolean => caller.send('x').socket.destroyed;
    await until(isCut, { what: 'the end of the connection' });
  });
});
