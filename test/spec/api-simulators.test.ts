/** The simulators of other APIs: what they answer, and what `weir simulate --profile` takes. */
import { createHmac } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { anyDefaults, SimulatedAny } from '../../src/simulator/apis/any.ts';
import { cloudDefaults, SimulatedCloud } from '../../src/simulator/apis/cloud/cloud.ts';
import { Media } from '../../src/simulator/apis/cloud/media.ts';
import { startCloud } from '../../src/simulator/apis/cloud/start.ts';
import { parseApiCommand } from '../../src/simulator/apis/command.ts';
import { startApi } from '../../src/simulator/apis/server.ts';
import { simulate } from '../../src/simulator/command.ts';
import { ask } from '../support/ask.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';

describe('The Cloud API', () => {
  const fields = { Authorization: 'Bearer right', 'Content-Type': 'application/json' };
  const message = (to: string, more = {}) => ({ messaging_product: 'whatsapp', to, text: { body: 'x' }, ...more });
  const start = async (settings: Partial<typeof cloudDefaults> = {}) => {
    const cloud = new SimulatedCloud({ ...cloudDefaults, latencyMs: 0, token: 'right', ...settings });
    const simulator = await startApi(cloud);
    const { url } = simulator;
    const send = (body: unknown, path = '/v23.0/1/messages') => ask('POST', url + path, { fields, body });
    return { cloud, url, send, [Symbol.asyncDispose]: () => simulator.close() };
  };

  it('takes messages, and names them', async () => {
    await using api = await start();
    const { status, json } = await api.send(message('+4915'));
    expect(status).toBe(200);
    expect(json).toMatchObject({ messaging_product: 'whatsapp', contacts: [{ input: '+4915', wa_id: '4915' }] });
    expect(json.messages[0].id).toMatch(/^wamid\./);
    const read = (id: string) => api.send({ messaging_product: 'whatsapp', status: 'read', message_id: id });
    expect((await read(json.messages[0].id)).json).toEqual({ success: true });
    expect((await read('x')).json.error.code).toBe(131009);
  });

  it('refuses each in its own words', async () => {
    await using api = await start({ pairBurst: 1, throttleStatus: 403 });
    const codeOf = async (body: unknown, path?: string) => {
      const { status, json } = await api.send(body, path);
      return [status, json.error?.code];
    };
    expect(await codeOf({ to: '1' })).toEqual([400, 100]);
    expect(await codeOf(message(''))).toEqual([400, 131009]);
    expect(await codeOf(message('1'), '/nonsense')).toEqual([400, 100]);
    await api.send(message('1'));
    expect(await codeOf(message('1'))).toEqual([403, 131056]);
    expect(await codeOf(message('2'))).toEqual([200, undefined]);
    const told = await ask('POST', `${api.url}/_simulator/maintenance?seconds=60`);
    expect(told.status).toBe(204);
    const { json } = await api.send(message('3'));
    expect(json.error).toMatchObject({ code: 131057, is_transient: true, type: 'OAuthException' });
    const stranger = await ask('GET', `${api.url}/v23.0/1`, { fields: { Authorization: 'Bearer wrong' } });
    expect([stranger.status, stranger.json.error.code]).toEqual([401, 190]);
  });

  it('has a limit for each number, and one by the hour for the rest', async () => {
    await using api = await start({ numberRate: 2, hourly: 1 });
    const codes = [];
    for (const to of ['1', '2', '3']) codes.push((await api.send(message(to))).json.error?.code);
    expect(codes).toEqual([undefined, undefined, 130429]);
    expect((await api.send(message('1'), '/v23.0/2/messages')).status).toBe(200);
    const manage = () => ask('GET', `${api.url}/v23.0/1/x`, { fields });
    expect((await manage()).status).toBe(200);
    const { json, fields: told } = await manage();
    expect(json.error.code).toBe(80007);
    const usage = JSON.parse(told['x-business-use-case-usage'] as string);
    expect(usage['1'][0].estimated_time_to_regain_access).toBe(60);
  });

  it('knows templates, closed windows, versions and proofs', async () => {
    await using api = await start({ appSecret: 'of the app' });
    const template = (name: string, ...parameters: string[]) =>
      message('1', {
        type: 'template',
        template: { name, language: { code: 'en_US' }, components: [{ type: 'body', parameters }] },
      });
    const codeOf = async (body: unknown) => (await api.send(body)).json.error?.code;
    expect(await codeOf(template('hello_world'))).toBeUndefined();
    expect(await codeOf(template('order'))).toBe(132001);
    expect(await codeOf(message('1', { type: 'template', template: null }))).toBe(132001);
    const odd = { name: 'hello_world', language: { code: 'en_US' }, components: [null, 1] };
    expect(await codeOf(message('1', { type: 'template', template: odd }))).toBeUndefined();
    const made = { name: 'order', language: 'en_US', components: [{ type: 'BODY', text: '{{1}} of {{2}}, {{1}}' }] };
    const manage = (path: string, body?: unknown) =>
      ask(body === undefined ? 'GET' : 'POST', api.url + path, { fields, body });
    expect((await manage('/v23.0/1/message_templates', made)).json.status).toBe('APPROVED');
    expect((await manage('/v23.0/1/message_templates', {})).json.error.code).toBe(100);
    expect((await manage('/v23.0/1/message_templates')).json.data).toHaveLength(2);
    expect(await codeOf(template('order', 'a'))).toBe(132000);
    expect(await codeOf(template('order', 'a', 'b'))).toBeUndefined();
    expect((await ask('POST', `${api.url}/_simulator/window?to=9`)).status).toBe(204);
    expect([await codeOf(message('9')), await codeOf(message('8'))]).toEqual([131047, undefined]);
    const told = await manage('/v23.0/1?fields=throughput,health_status,nonsense');
    const health_status = { can_send_message: 'AVAILABLE', entities: [] };
    expect(told.json).toEqual({ throughput: { level: 'STANDARD' }, health_status, id: '1' });
    expect(told.fields['facebook-api-version']).toBe('v23.0');
    expect(JSON.parse(told.fields['x-app-usage'] as string)).toMatchObject({ total_time: 1 });
    expect((await manage('/v23.0/1?appsecret_proof=0')).json.error.code).toBe(100);
    const proof = createHmac('sha256', 'of the app').update('right').digest('hex');
    expect((await manage(`/v23.0/1?appsecret_proof=${proof}`)).status).toBe(200);
  });

  it('tells what became of messages by webhook, signed, and again until it is taken', async () => {
    const challenged: string[] = [];
    const took: string[] = [];
    let refuses = 2;
    await using receiver = await startUpstream((arrival, socket) => {
      const { method, target, body } = arrival;
      const { searchParams } = new URL(target, 'http://receiver');
      const signature = `sha256=${createHmac('sha256', 'of the app').update(body).digest('hex')}`;
      if (method === 'GET') {
        challenged.push(searchParams.get('hub.verify_token') ?? '');
        socket.write(answer(200, {}, searchParams.get('hub.challenge') ?? ''));
      } else if (arrival.field('x-hub-signature-256') !== signature) socket.write(answer(401));
      else if (refuses-- > 0) socket.write(answer(500));
      else {
        took.push(body.toString());
        socket.write(answer(200));
      }
    });
    const webhookUrl = `${receiver.url}/hook`;
    await using api = await start({ webhookUrl, verifyToken: 'word', appSecret: 'of the app' });
    await until(() => challenged.length > 0, { what: 'the word, before there is a message' });
    await ask('POST', `${api.url}/_simulator/undeliverable?to=2`);
    const told = [message('1', { biz_opaque_callback_data: 'a' }), message('2', { biz_opaque_callback_data: 'b' })];
    for (const one of told) expect((await api.send(one)).status).toBe(200);
    interface Status {
      readonly status: string;
      readonly recipient_id: string;
      readonly biz_opaque_callback_data: string;
      readonly errors?: readonly { readonly code: number }[];
    }
    const statuses = (): Status[] =>
      took.flatMap((text) => JSON.parse(text).entry[0].changes.flatMap(({ value }: never) => value['statuses']));
    await until(() => statuses().length === 5, { what: 'all statuses' });
    const of = (callback: string) =>
      statuses()
        .filter((one) => one.biz_opaque_callback_data === callback)
        .map(({ status, errors = [] }) => [status, ...errors.map(({ code }) => code)].join(' '));
    expect(of('a')).toEqual(['sent', 'delivered', 'read']);
    expect(of('b')).toEqual(['sent', 'failed 131026']);
    expect(challenged).toEqual(['word']);
    await until(() => (api.cloud.seen() as { webhooks: { told: number } }).webhooks.told === 5, { what: 'the count' });
    expect(api.cloud.seen()).toMatchObject({ webhooks: { verified: true, told: 5, waiting: 0, dropped: 0 } });
  });

  it('tells a receiver nothing that does not say the word back, asked at the start and once more', async () => {
    await using receiver = await startUpstream(say(answer(200, {}, 'hello')));
    await using api = await start({ webhookUrl: receiver.url });
    await api.send(message('1'));
    const seen = () => api.cloud.seen() as { webhooks: { dropped: number } };
    await until(() => seen().webhooks.dropped === 3, { what: 'the statuses to be dropped' });
    expect(receiver.arrivals.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(api.cloud.seen()).toMatchObject({ webhooks: { verified: false, told: 0 } });
  });

  const formOf = (file: string): string =>
    ['messaging_product"\r\n\r\nwhatsapp', `file"; filename="a"\r\nContent-Type: image/png\r\n\r\n${file}`]
      .map((part) => `--x\r\nContent-Disposition: form-data; name="${part}\r\n`)
      .join('')
      .concat('--x--\r\n');

  it('keeps media', async () => {
    await using api = await start();
    const form = { Authorization: 'Bearer right', 'Content-Type': 'multipart/form-data; boundary=x' };
    const { json } = await ask('POST', `${api.url}/v23.0/1/media`, { fields: form, body: formOf('bytes') });
    const found = await ask('GET', `${api.url}/v23.0/${json.id}`, { fields });
    expect(found.json).toMatchObject({ id: json.id, file_size: 5, mime_type: 'image/png' });
    expect((await ask('GET', found.json.url, { fields })).text).toBe('bytes');
    expect((await ask('DELETE', `${api.url}/v23.0/${json.id}`, { fields })).json).toEqual({ success: true });
    expect((await ask('GET', found.json.url, { fields })).status).toBe(404);
  });

  it('has its media on a host of their own, where nothing else is', async () => {
    const cloud = new SimulatedCloud({ ...cloudDefaults, latencyMs: 0, token: 'right' });
    await using api = await startCloud(cloud, { mediaPort: 0 });
    const form = { Authorization: 'Bearer right', 'Content-Type': 'multipart/form-data; boundary=x' };
    const { json } = await ask('POST', `${api.url}/v23.0/1/media`, { fields: form, body: formOf('bytes') });
    const { url } = (await ask('GET', `${api.url}/v23.0/${json.id}`, { fields })).json;
    expect([new URL(url).origin, new URL(api.url).origin === api.mediaUrl]).toEqual([api.mediaUrl, false]);
    expect((await ask('GET', url, { fields })).text).toBe('bytes');
    const statusOf = async (at: string, token = 'right') =>
      (await ask('GET', at, { fields: { Authorization: `Bearer ${token}` } })).status;
    expect(await statusOf(url, 'of Weir')).toBe(401);
    expect(await statusOf(url.replace(api.mediaUrl, api.url))).toBe(400);
    expect(await statusOf(`${api.mediaUrl}/v23.0/${json.id}`)).toBe(404);
  });

  it('gives a medium by a URL for 5 minutes', () => {
    const media = new Media();
    const asked = { method: 'POST', path: '', query: new URLSearchParams(), body: Buffer.from(formOf('bytes')) };
    const id = media.upload({ ...asked, fields: { 'content-type': 'multipart/form-data; boundary=x' } }) ?? '';
    const { url } = media.about(id, 'http://media', 1_000_000) as { readonly url: string };
    const statusAt = (now: number, query = new URL(url).searchParams) =>
      media.download({ ...asked, fields: {}, query }, now).status;
    expect([statusAt(1_000_000), statusAt(1_299_999), statusAt(1_300_000)]).toEqual([200, 200, 404]);
    const longer = new URL(url.replace('ext=1300', 'ext=9300')).searchParams;
    expect(statusAt(1_000_000, longer)).toBe(404);
  });

  it('tells what it has seen, and what came twice', async () => {
    await using api = await start();
    for (const mark of ['a', 'b', 'a']) await api.send(message('1', { biz_opaque_callback_data: mark }));
    const { json } = await ask('GET', `${api.url}/_simulator/seen`);
    expect(json).toMatchObject({ accepted: 3, duplicates: 1, refused: {}, recipients: { '1 1': ['a', 'b', 'a'] } });
    for (const what of ['frob', 'window', 'account', 'spam?seconds=x']) {
      const { status, json: said } = await ask('POST', `${api.url}/_simulator/${what}`);
      expect([status, said.error]).toEqual([404, `unknown, or without what it needs: POST /_simulator/${what}`]);
    }
  });
});

describe('Any API', () => {
  const start = async () => {
    const simulator = await startApi(new SimulatedAny({ ...anyDefaults, rate: 0.5, burst: 1, latencyMs: 0 }));
    return { url: simulator.url, [Symbol.asyncDispose]: () => simulator.close() };
  };

  test.each([
    ['/retry-after/x', 429, 'retry-after', /^2$/],
    ['/leaky/x', 429, 'retry-after', /^[12]\.\d$/],
    ['/leaky/x', 429, 'x-api-call-limit', /^1\/1$/],
    ['/reset/epoch/x', 429, 'x-ratelimit-reset', /^1\d{9}$/],
    ['/reset/epochMs/x', 429, 'x-ratelimit-reset', /^1\d{12}$/],
    ['/reset/seconds/x', 429, 'x-ratelimit-reset', /^2$/],
    ['/reset/text/x', 429, 'x-ratelimit-reset', /^[\d.]+s$/],
    ['/secondary/x', 403, 'retry-after', /^2$/],
  ])('%s says %d and %s', async (path, status, field, value) => {
    await using api = await start();
    expect((await ask('GET', api.url + path)).status).toBe(200);
    const told = await ask('GET', api.url + path);
    expect([told.status, told.fields[field]]).toEqual([status, expect.stringMatching(value)]);
  });

  it('counts the tokens of a language model, in a stream as well', async () => {
    await using api = await start();
    const chat = (body: object) => ask('POST', `${api.url}/v1/chat/completions`, { body });
    const { json } = await chat({ messages: [{ content: 'hello' }], max_tokens: 20 });
    expect(json.usage.total_tokens).toBe(json.usage.prompt_tokens + 12);
    const streamed = await chat({ messages: [], max_tokens: 20, stream: true });
    expect(streamed.text).toMatch(/"total_tokens":13\}\}\n\ndata: \[DONE\]/);
    const refused = await chat({ messages: [], max_tokens: 990 });
    expect(refused.status).toBe(429);
    expect(refused.fields['x-ratelimit-reset-tokens']).toMatch(/^[\d.]+s$/);
    expect((await chat({ max_tokens: 'many' })).status).toBe(400);
  });

  it('answers what it does not know with what was asked', async () => {
    await using api = await start();
    const { json } = await ask('PUT', `${api.url}/other?x`, { body: 'abc' });
    expect(json).toEqual({ method: 'PUT', path: '/other', bytes: 3 });
  });
});

describe('weir simulate --profile', () => {
  const port = 'is not a port; give a whole number from 0 to 65535';
  const number = 'is not allowed; give a number above 0, up to 1000000';
  const url = 'is not allowed; give a URL, such as http://127.0.0.1:9002/hook';
  const origin = 'is not allowed; give an origin, such as http://127.0.0.1:9001';
  const unknown = 'unknown, or without a value; --profile none --help lists what there is';
  const foreign = 'is no address of this machine; give one, such as 127.0.0.1 or 0.0.0.0';
  test.each([
    [['--profile', 'shop'], '--profile: "shop" is not a profile; give coreapp, cloud or none'],
    [['--profile', 'cloud', '--pair-rate', '0'], `--pair-rate: "0" ${number}`],
    [['--profile=none', '--port', '99999'], `--port: "99999" ${port}`],
    [['--profile=cloud', '--media-port', 'x'], `--media-port: "x" ${port}`],
    [['--profile=cloud', '--webhook-url', 'nonsense'], `--webhook-url: "nonsense" ${url}`],
    [['--profile=cloud', '--media-origin', 'ftp://x'], `--media-origin: "ftp://x" ${origin}`],
    [['--profile=none', '--frob', '1'], `--frob: ${unknown}`],
    [['--profile=none', '--host', '203.0.113.1'], `--host: "203.0.113.1" ${foreign}`],
  ])('%j is told what is wrong', async (args, problem) => {
    const lines: string[] = [];
    expect(await simulate(args, { stdout: () => {}, stderr: (line) => lines.push(line) })).toBe(1);
    expect(lines).toEqual([`weir simulate: ${problem}`]);
  });

  test.each(['cloud', 'none'] as const)('%s runs until it is stopped, and helps', async (name) => {
    const stop = new AbortController();
    const lines: string[] = [];
    const io = {
      stdout: (line: string) => {
        lines.push(line);
        if (lines.length === 2) stop.abort();
      },
      stderr: () => {},
    };
    expect(await simulate(['--profile', name, '--port', '0'], io, stop.signal)).toBe(0);
    expect(lines[0]).toMatch(/simulator: http:\/\/127\.0\.0\.1:\d+$/);
    const help = parseApiCommand(name, ['--help']);
    expect(help.kind === 'help' ? help.text : '').toContain('--latency-ms N');
  });
});
