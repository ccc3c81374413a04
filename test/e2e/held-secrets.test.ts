/** What waits for long waits without its secret: neither a dump of the heap nor swapped memory is to be full of tokens. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { basic } from '../support/basic.ts';
import { testFile } from '../support/files.ts';
import { openCaller } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { sayNothing, startUpstream } from '../support/upstream.ts';
import { adminPassword, login, startWeir } from '../support/weir.ts';

it('a heap with requests in line, in flight and answered holds no credentials', async () => {
  await using upstream = await startUpstream(sayNothing);
  await using config = await testFile('weir.yaml', 'coreapp: {permitsMax: 1}\n');
  const folder = dirname(config.path);
  await using weir = await startWeir({
    COREAPP_URL: upstream.url,
    WEIR_CONFIG: config.path,
    NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`,
  });
  const port = Number(new URL(weir.url).port);
  const token = await login(weir.url);
  await using answered = await openCaller(port);
  answered.send(
    `POST /v1/users/login HTTP/1.1\r\nHost: weir\r\nAuthorization: ${basic('admin', adminPassword)}\r\nContent-Length: 0\r\n\r\n`,
  );
  const fresh = (await answered.answer()).json.users[0].token as string;

  await using inFlight = await openCaller(port);
  await using inLine = await openCaller(port);
  await using inAbsoluteForm = await openCaller(port);
  const send = (caller: typeof inLine, target: string): void => {
    caller.send(
      `GET ${target} HTTP/1.1\r\nHost: weir\r\nX-Request-Id: held-one\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
  };
  send(inFlight, '/v1/contacts');
  await until(() => upstream.arrivals.length === 1, { what: 'the request in flight' });
  send(inLine, '/v1/contacts');
  send(inAbsoluteForm, 'http://weir/v1/contacts');
  const metrics = async (): Promise<string> => (await ask('GET', `${weir.opsUrl}/metrics`)).text;
  await until(async () => /weir_line_requests\{class="contacts"\} 2$/m.test(await metrics()), { what: 'two in line' });

  weir.process.kill('SIGUSR2');
  const heap = await until(() => snapshotIn(folder), { what: 'the snapshot' });
  expect(heap.filter((text) => text === 'held-one').length).toBeGreaterThan(0); // It is these requests that are looked at.
  expect(heap.filter((text) => text.includes(token)).length).toBe(0);
  expect(heap.filter((text) => text.includes(fresh)).length).toBe(0);
  expect(heap.filter((text) => text.includes(basic('admin', adminPassword).slice('Basic '.length))).length).toBe(0);
});

/** All strings of the heap; null: there is no snapshot yet. A part of one is no JSON. */
async function snapshotIn(folder: string): Promise<readonly string[] | null> {
  const name = (await readdir(folder)).find((file) => file.endsWith('.heapsnapshot'));
  if (name === undefined) return null;
  const { strings } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { strings: readonly string[] };
  return strings;
}
