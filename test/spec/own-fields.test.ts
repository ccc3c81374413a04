/**
 * Fields that are Weir's own: however an upstream folds names, it sees what Weir wrote and nothing that a caller made up;
 * and nobody has taken out by `Connection` what Weir went by.
 */
import { beforeEach, describe, expect, it, test } from 'vitest';
import { readScope, type Scope, scopeFields } from '../../src/admission/rate/scope.ts';
import { ownFields, travelling } from '../../src/http/own-fields.ts';
import { startTestApp } from '../support/app.ts';
import { startForAll } from '../support/start-for-all.ts';
import { type Arrival, answer, breakOff, say } from '../support/upstream.ts';

/** As CGI, WSGI, Rack and PHP have it. */
const cgi = (name: string): string => `HTTP_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;

const yaml = `
coreapp: {honoursIdempotencyKey: [messages]}
limits: {media: {scope: header:X-Number}}
http: {trustedProxies: [127.0.0.2]}`;

const { upstream, app } = await startForAll(yaml);
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

const arrived = (): Arrival => upstream.arrivals[0] as Arrival;

describe('A name that folds to one of Weir’s own does not arrive:', () => {
  it.each([
    ...['X_Forwarded_For', 'X.Forwarded.Proto', 'x_forwarded-host', 'X-Forwarded_For', 'X~Forwarded~For'],
    ...['X_Forwarded_Port', 'X_Real_IP', 'X.Real.Ip', 'X_Request_Id', 'x|request|id', 'Content_Length'],
    ...['Transfer_Encoding', 'Keep_Alive', 'Proxy_Authorization', 'Idempotency_Key', 'X_Number', 'X!Number'],
    ...['X-Original-URL', 'X_Original_URL', 'X-Rewrite-URL'],
    ...['X-HTTP-Method-Override', 'X_HTTP_Method_Override', 'X-HTTP-Method', 'X-Method-Override'],
    ...['X-Original-Forwarded-For', 'X-Forwarded', 'True-Client-IP', 'True_Client_IP'],
    ...['X-Client-IP', 'X-Cluster-Client-IP'],
  ])('%s', async (name) => {
    await app.send('GET /v1/contacts', `${name}: made-up\r\nX-Other_one: stays\r\n`);
    const { fields } = arrived();
    expect(fields.filter(([, value]) => value === 'made-up')).toEqual([]);
    expect(fields).toContainEqual(['X-Other_one', 'stays']);
    const ownNames = fields.map(([field]) => cgi(field)).filter((folded) => folded === cgi(name));
    expect(ownNames.length).toBeLessThanOrEqual(1);
  });
});

describe('From a trusted proxy, who writes some of them and passes others on', () => {
  const fields = ['X-Real-IP', '1', 'X_Real_IP', '2', 'X_Forwarded_For', '3', 'X-Forwarded-Port', '443', 'X-A_b', '4'];

  test('its own arrive, the twins of them do not', () => {
    expect(travelling(fields, true, ownFields())).toEqual(['X-Real-IP', '1', 'X-Forwarded-Port', '443', 'X-A_b', '4']);
    expect(travelling(fields, false, ownFields())).toEqual(['X-A_b', '4']);
  });

  test('what it says of the method and of the caller arrives', () => {
    const said = ['X-HTTP-Method-Override', 'DELETE', 'True-Client-IP', '192.0.2.1', 'X-Forwarded', 'for=192.0.2.1'];
    expect(travelling(said, true, ownFields())).toEqual(said);
    expect(travelling(said, false, ownFields())).toEqual([]);
  });
});

test('Fields that http.passFields names arrive from anybody, the others do not', () => {
  const own = ownFields({ passes: ['x-real-ip', 'x_forwarded_for', 'x-original-url'] });
  const said = ['X-Real-IP', '1', 'X_Forwarded_For', '2', 'X-Original-URL', '/a'];
  const others = ['X_Real_IP', '4', 'True-Client-IP', '5', 'X-Forwarded-For', '6', 'X-Rewrite-URL', '/b'];
  for (const trusted of [true, false]) expect(travelling([...said, ...others].slice(0, 8), trusted, own)).toEqual(said);
  expect(travelling([...said, ...others], false, own)).toEqual(said);
});

describe('A limit that goes by a field', () => {
  const by = (...texts: string[]) => ownFields({ scoped: scopeFields(texts.map((text) => readScope(text) as Scope)) });

  test.each<[scope: string, came: string[], travel: string[]]>([
    ['header:X-Number', ['X-Number', '1', 'X_Number', '2'], ['X-Number', '1']],
    ['header:X_Number', ['X-Number', '1', 'X_Number', '2'], ['X_Number', '2']],
    ['header:X_Number', ['X.Number', '1', 'x_number', '2'], ['x_number', '2']],
    ['header:X-Real-IP', ['X_Real_IP', '1'], []],
  ])('%s takes its twins out, whichever is the odd one', (scope, came, travel) => {
    expect(travelling(came, true, by(scope))).toEqual(travel);
  });

  test.each([
    ['a class', 'limits: {default: {scope: "header:X-Account"}}'],
    ['a narrow limit', 'limits: {default: {also: [{scope: "fleet + header:X-Account", rate: 100, burst: 100}]}}'],
    ['a credential', 'coreapp: {authorizations: {"header:X-Account=7": /seven}}'],
  ])('its twin does not arrive where it is of %s', async (_, given) => {
    await using other = await startTestApp(upstream.url, given, {}, { '/seven': 'Bearer seven' });
    upstream.play(say(answer(200, {}, 'ok')));
    expect((await other.send('GET /v1/contacts', 'X-Account: 1\r\nX_Account: 7\r\n')).status).toBe(200);
    const [arrival] = upstream.arrivals;
    expect([arrival?.field('x-account'), arrival?.field('x_account')]).toEqual(['1', undefined]);
  });

  test('two that are twins of each other both arrive', () => {
    const came = ['X-Number', '1', 'X_Number', '2'];
    expect(travelling(came, true, by('header:X_Number', 'header:X-Number'))).toEqual(came);
  });
});

describe('Connection', () => {
  it.each([
    ...['Authorization', 'Host', 'Content-Length', 'Idempotency-Key', 'Prefer', 'Priority', 'X-Request-Id', 'Expect'],
    ...['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Port'],
    ...['X-Real-IP', 'Via'],
    ...['X-Number', 'close, idempotency-KEY', 'keep-alive ,\tpriority'],
  ])('must not name %s: 400, and nothing arrives', async (name) => {
    const told = await app.send('GET /v1/contacts', `Connection: ${name}\r\nIdempotency-Key: k\r\nPriority: u=1\r\n`);
    expect(told).toMatchObject({ status: 400 });
    expect(told.json.errors[0].details).toMatch(/^Connection names [a-z-]+, which is meant for more than one/);
    expect(upstream.arrivals).toHaveLength(0);
  });

  it.each([
    ...['close', 'Keep-Alive', 'TE', 'Upgrade', 'upgrade, HTTP2-Settings', 'Transfer-Encoding', 'Proxy-Connection'],
    ...['Trailer', 'X-Hop', 'X_Forwarded_For', 'Cookie'],
  ])('may name %s', async (name) => {
    expect(await app.send('GET /v1/contacts', `Connection: ${name}\r\n`)).toMatchObject({ status: 200 });
  });
});

describe('A POST that breaks off where the class honours Idempotency-Key', () => {
  it.each([
    ['without a key, but with its twin,', 'Idempotency_Key: k\r\n'],
    ['without one at all', ''],
  ])('%s is sent once', async (_, fields) => {
    upstream.play(breakOff);
    expect(await app.send('POST /v1/messages', fields, '{}')).toMatchObject({ status: 502 });
    expect(upstream.arrivals).toHaveLength(1);
  });
});
