/** docs/start/first-session.sh, as a newcomer runs it: a Weir of its own, the bundled simulator, curl. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { leash } from '../support/leash.ts';

const script = fileURLToPath(new URL('../../docs/start/first-session.sh', import.meta.url));

test('the first session as one script does what its page says', async () => {
  const child = leash(spawn('bash', [script], { stdio: ['ignore', 'pipe', 'pipe'] }));
  const [said, complaints, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect([code, complaints]).toEqual([0, '']);
  const [, afterMessage = '', afterFlood = ''] = said.split(/^== Send .*$/m);
  expect(afterMessage).toMatch(/^\{"messages":\[\{"id":"[\w-]+"\}\]/m);
  expect(afterFlood).toMatch(/^ +400 201\nfastest [\d.]+ s, median [\d.]+ s, slowest [\d.]+ s$/m);
  expect(said).toContain('weir_coreapp_answers_total{class="messages",status="201"} 401');
  expect(said).toContain('{"health":{"gateway_status":"connected"}');
  expect(said).toContain('A bearer token is needed: log in first.');
  expect(said.trimEnd().split('\n').slice(-2).join(' ')).toMatch(/Invalid credentials.*== Done\.$/);
});
