/** URLs of an upstream in bodies of answers lead back through Weir; media of the Cloud API come in two hops. */
import { afterAll, describe, expect, it, test } from 'vitest';
import { cloudDefaults, SimulatedCloud } from '../../src/simulator/apis/cloud/cloud.ts';
import { startCloud } from '../../src/simulator/apis/cloud/start.ts';
import { startTestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { startForAll } from '../support/start-for-all.ts';
import { answer, type Script, say, startUpstream } from '../support/upstream.ts';

const files = await startUpstream(say(answer(200, {}, 'the bytes')));
afterAll(() => files.stop());
const { upstream, app } = await startForAll(
  `profile: none
auth: {open: true, openToAll: true}
http: {trustedProxies: [127.0.0.2]}
coreapp:
  basePath: /api
  urls: {files: "${files.url}"}
  bodyUrls: {items: [/url, /list/0/url]}
limits:
  items: {match: ["* /items/**"]}
  files: {match: ["GET /files/**"]}
`,
);

const jsonType = { 'Content-Type': 'application/json' };
const got = async (script: Script, line = 'GET /items/1', fields = '') => {
  upstream.play(script);
  return await app.ask(line, `Host: weir.example:8080\r\n${fields}`);
};
const at = 'http://weir.example:8080';

describe('A URL in a body', () => {
  const url = `${files.url}/api/files/7?sig=a%2Fb&x=1`;
  it('leads back, and nothing else is changed', async () => {
    const body = `{ "big":12345678901234567890, "url" : ${JSON.stringify(url)} ,"other":"${url}","list":[{"url":"${upstream.url}/api/items/2"}],"e":"\\u00e9" }`;
    const told = await got(say(answer(200, { ...jsonType, ETag: '"1"', 'Content-MD5': 'x', 'X-Kept': 'y' }, body)));
    const expected = body.replace(`"url" : "${url}"`, `"url" : "${at}/files/7?sig=a%2Fb&x=1"`);
    expect(told.text).toBe(expected.replace(`${upstream.url}/api/items/2`, `${at}/items/2`));
    expect(told.field('content-length')).toBe(String(told.body.length));
    expect([told.field('etag'), told.field('content-md5'), told.field('x-kept')]).toEqual([undefined, undefined, 'y']);
    expect((await app.ask(`GET ${told.json.url.slice(at.length)}`, 'Host: weir\r\n')).text).toBe('the bytes');
    expect(files.arrivals.at(-1)?.target).toBe('/api/files/7?sig=a%2Fb&x=1');
  });

  it('with slashes that are escaped, in parts of any size', async () => {
    const body = `{"url":"${url.replaceAll('/', '\\/')}"}`;
    const chunks = [...body].map((char) => `1\r\n${char}\r\n`).join('');
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const told = await got((_, socket) => void socket.write(`${head}${chunks}0\r\n\r\n`));
    expect(told.json).toEqual({ url: `${at}/files/7?sig=a%2Fb&x=1` });
    expect(told.field('content-length')).toBe(String(told.body.length));
  });

  it('in parts that come one by one', async () => {
    const body = `{"url":"${url}","rest":"${'x'.repeat(3_000)}"}`;
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const told = await got((_, socket) => {
      const parts = (head + body).match(/.{1,40}/gs) ?? [];
      const next = (): void => {
        const part = parts.shift();
        if (part !== undefined) socket.write(part, () => setImmediate(next));
      };
      next();
    });
    expect(told.json).toEqual({ url: `${at}/files/7?sig=a%2Fb&x=1`, rest: 'x'.repeat(3_000) });
  });

  it('asks for a body without a coding, and for nothing else anew', async () => {
    await got(say(answer(200, jsonType, '{}')), 'GET /items/1', 'Accept-Encoding: gzip\r\n');
    expect(upstream.arrivals.at(-1)?.all('accept-encoding')).toEqual(['identity']);
    await got(say(answer(200, jsonType, '{}')), 'GET /others', 'Accept-Encoding: gzip\r\n');
    expect(upstream.arrivals.at(-1)?.all('accept-encoding')).toEqual(['gzip']);
  });

  const same = (body: string, status = 200, fields: Record<string, string> = jsonType, line = 'GET /items/1') =>
    [body, status, fields, line] as const;
  const stays: readonly (readonly [string, ReturnType<typeof same>])[] = [
    ['of another host', same('{"url":"https://evil.example/api/files/7"}')],
    ['of a host that begins alike', same(`{"url":"${files.url}0/api/files/7"}`)],
    ['with a user', same(`{"url":"${files.url.replace('//', '//a@')}/api/files/7"}`)],
    ['whose path leads to another upstream here', same(`{"url":"${files.url}/api/items/7"}`)],
    ['beside the base path', same(`{"url":"${files.url}/files/7"}`)],
    ['with a path that Weir refuses', same(`{"url":"${files.url}/api/files/../items"}`)],
    ['that is no URL', same('{"url":"7"}')],
    ['that is no text', same('{"url":7}')],
    ['in what is no JSON', same(`{"url":"${url}"}`, 200, { 'Content-Type': 'text/plain' })],
    ['in a coding', same(`{"url":"${url}"}`, 200, { ...jsonType, 'Content-Encoding': 'x' })],
    ['in an answer that says no', same(`{"url":"${url}"}`, 404)],
    ['in a part', same(`{"url":"${url}"}`, 206)],
    ['in another class', same(`{"url":"${url}"}`, 200, jsonType, 'GET /others')],
    ['in a large body', same(`{"url":"${url}"${' '.repeat(70_000)}}`)],
  ];
  test.each(stays)('%s stays', async (_, [body, status, fields, line]) => {
    const told = await got(say(answer(status, { ...fields, ETag: '"1"' }, body)), line);
    expect([told.status, told.text, told.field('etag')]).toEqual([status, body, '"1"']);
  });

  it('in a large body without a length stays, and all of it comes', async () => {
    const body = `{"url":"${url}","rest":"${'x'.repeat(200_000)}"}`;
    const chunks = body.match(/.{1,30000}/g)?.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`) ?? [];
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const told = await got((_, socket) => void socket.write(`${head}${chunks.join('')}0\r\n\r\n`));
    expect(told.text).toBe(body);
  });

  it('of an answer that breaks off gives what came', async () => {
    const begun = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"url":"${url}"`;
    const told = await got((_, socket) => void socket.end(begun));
    expect([told.status, told.whole, told.text]).toEqual([200, false, `{"url":"${url}"`]);
  });

  it('is asked for by HEAD: nothing is said of bytes that GET might give others', async () => {
    const head = (type: string) => say(`HTTP/1.1 200 OK\r\n${type}Content-Length: 77\r\nETag: "1"\r\n\r\n`);
    const saysOfBytes = async (type: string, line: string) => {
      const told = await got(head(type), line);
      return [told.status, told.field('content-length'), told.field('etag')];
    };
    const asJson = 'Content-Type: application/json\r\n';
    expect(await saysOfBytes(asJson, 'HEAD /items/1')).toEqual([200, undefined, undefined]);
    expect(await saysOfBytes('', 'HEAD /items/1')).toEqual([200, '77', '"1"']);
    expect(await saysOfBytes(asJson, 'HEAD /others')).toEqual([200, '77', '"1"']);
  });
});

describe('In the configuration', () => {
  const of = (coreapp: string) =>
    problems(load(`profile: none\ncoreapp: {bodyUrls: ${coreapp}}\n`, { UPSTREAM_URL: 'http://127.0.0.1:9000' }));
  test.each([
    ['{none: [/url]}', 'classes that there are: default'],
    ['{default: [url]}', 'JSON pointers (RFC 6901) for each class, such as { files: [/url] }'],
    ['{default: [""]}', 'JSON pointers (RFC 6901) for each class, such as { files: [/url] }'],
    ['{default: []}', 'JSON pointers (RFC 6901) for each class, such as { files: [/url] }'],
  ])('%s is told what would be right', (given, wanted) => {
    expect(of(given)).toEqual([expect.stringContaining(wanted)]);
  });
});

describe('Media of the Cloud API', () => {
  it('come in two hops with a token of Weir’s, and the vendor’s goes to its own hosts only', async () => {
    const cloud = new SimulatedCloud({ ...cloudDefaults, token: 'of-the-vendor', latencyMs: 0 });
    await using graph = await startCloud(cloud, { mediaPort: 0 });
    await using weir = await startTestApp(
      graph.url,
      `profile: cloud\nauth: {open: true, openToAll: true}\ncoreapp: {authorization: Bearer of-the-vendor, urls: {download: "${graph.mediaUrl}"}}`,
    );
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    const part = `--b\r\nContent-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n`;
    const form = Buffer.concat([Buffer.from(part), bytes, Buffer.from('\r\n--b--\r\n')]);
    const fields = `Host: weir\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${form.length}\r\n`;
    const { id } = (await weir.ask('POST /v23.0/1055/media', fields, form)).json;
    const told = await weir.ask(`GET /v23.0/${id}?phone_number_id=1055`, 'Host: weir\r\n');
    expect(told.json).toMatchObject({ id, mime_type: 'image/png', file_size: bytes.length });
    expect(told.json.url).toMatch(/^http:\/\/weir\/whatsapp_business\/attachments\/\?mid=/);
    const path = told.json.url.slice('http://weir'.length);
    const download = await weir.ask(`GET ${path}`, 'Host: weir\r\n');
    expect([download.status, download.field('content-type')]).toEqual([200, 'image/png']);
    expect(download.body.equals(bytes)).toBe(true);
    // A URL that is over is not known any more: its caller asks for a new one.
    const over = path.replace(/ext=\d+/, 'ext=1');
    expect((await weir.ask(`GET ${over}`, 'Host: weir\r\n')).status).toBe(404);
    expect((await weir.ask(`DELETE /v23.0/${id}`, 'Host: weir\r\n')).json).toEqual({ success: true });
    expect((await weir.ask(`GET ${path}`, 'Host: weir\r\n')).status).toBe(404);
    const classes = ['media', 'management', 'download', 'download', 'management', 'download'];
    expect(weir.lines.map((line) => line.class)).toEqual(classes);
  });
});
