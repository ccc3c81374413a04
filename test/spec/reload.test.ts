/** The configuration is read again while Weir runs: by command, and when a file of it has changed. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { needRestart } from '../../src/app/restart.ts';
import type { Snapshot } from '../../src/observe/snapshot.ts';
import { adminPassword } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { basic } from '../support/basic.ts';
import { type ReloadableApp, startReloadable } from '../support/reloadable.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';

const [oldKey, newKey] = ['monitoring-key-old', 'monitoring-key-new'];
const ok = say(answer(200, {}, 'ok'));

const upstream = await upstreamForAll();
beforeEach(() => upstream.play(ok));

const statusWith = async (app: ReloadableApp, key: string): Promise<number> =>
  (await app.ask('GET /v1/health', `Host: weir\r\nAuthorization: Apikey ${key}\r\n`)).status;

const configOf = async (app: ReloadableApp): Promise<Snapshot['config']> => (await app.status()).config;

const figure = async (app: ReloadableApp, name: string): Promise<number> => {
  const line = (await app.metrics()).split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length));
};

const said = ({ events }: ReloadableApp, message: RegExp) => events.filter((event) => message.test(event.message));

const keyFile = { key: `${oldKey}\n` };
const withKeyFile = 'auth: {apiKeyFile: FOLDER/key}\n';
const noKey = { WA_API_KEY: '' };

describe('reload', () => {
  it('has what changed be in force, and tells what did, of secrets only that', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    const before = await configOf(app);
    app.write('key', `${newKey}\n`);
    const report = await app.change(`${withKeyFile}http: {serverTiming: false}\n`);
    const changed = ['auth.apiKey', 'http.serverTiming'];
    expect(report).toMatchObject({ result: 'applied', changed, restartNeeded: [] });
    expect([await statusWith(app, oldKey), await statusWith(app, newKey)]).toEqual([401, 200]);
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeUndefined();
    const after = await configOf(app);
    expect(after.hash).not.toBe(before.hash);
    expect(Date.parse(after.loadedAt)).toBeGreaterThanOrEqual(Date.parse(before.loadedAt));
    expect(await figure(app, 'weir_config_reloads_total{result="applied"}')).toBe(1);
    expect(await figure(app, `weir_config_info{hash="${after.hash}"}`)).toBe(1);
    expect(JSON.stringify([app.events, report, after])).not.toContain(newKey);
  });

  it('does not wait for a pipe, whose text comes once, and says so', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: false}\n');
    const path = join(app.folder, 'weir.yaml');
    unlinkSync(path);
    execFileSync('mkfifo', [path]);
    // Were it read, nobody would be answered any more.
    app.reloads.watch();
    expect(said(app, /is not watched: one of its files is a pipe/)).toMatchObject([
      { level: 'info', fields: { file: path } },
    ]);
    const problem = `${path}: is a pipe, which can be read only once; restart Weir, or give a file`;
    expect(await app.reloads.reload('command')).toEqual({ result: 'refused', problems: [problem] });
    expect((await app.send('GET /v1/contacts')).status).toBe(200);
  });

  it('says of a folder in the place of a file what it is, besides all that is wrong elsewhere', async () => {
    await using app = await startReloadable(upstream.url, '{}', {}, noKey);
    expect(await app.change('auth: {apiKeyFile: FOLDER}\nhttp: {serverTiming: 1}\n')).toMatchObject({
      result: 'refused',
      problems: [expect.stringContaining('http.serverTiming'), expect.stringMatching(/apiKeyFile: .* cannot be read/)],
    });
  });

  it('has rules for answers be in force, and says whether they are of all classes or of some', async () => {
    await using app = await startReloadable(upstream.url, '{}', {}, {});
    const ofClass =
      'limits: {contacts: {throttled: [{status: 400, of: request, then: pass, as: 418}], heed: [{structured: x}]}}\n';
    const changed = ['limits.<class>.throttled', 'limits.<class>.heed'];
    expect(await app.change(ofClass)).toMatchObject({ result: 'applied', changed });
    upstream.play(say(answer(400)));
    expect((await app.send('GET /v1/contacts')).status).toBe(418);
    const ofAll = `${ofClass}throttled: [{status: 400, of: request, then: pass}]\nheed: [{structured: x}]`;
    expect(await app.change(ofAll)).toMatchObject({ result: 'applied', changed: ['throttled', 'heed'] });
  });

  it('of a secret alone leaves the hash as it is: it is not made of secrets', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    const { hash } = await configOf(app);
    app.write('key', `${newKey}\n`);
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ result: 'applied', hash, changed: ['auth.apiKey'] });
    expect(await statusWith(app, newKey)).toBe(200);
  });

  it('refuses a configuration with problems whole, and names all of them', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    const { hash, loadedAt } = await configOf(app);
    app.write('key', 'short\n');
    const report = await app.change(`${withKeyFile}log: {level: loud}\nhttp: {serverTiming: 7}\n`);
    if (report.result !== 'refused') return expect.unreachable();
    expect(report.problems).toHaveLength(3);
    expect(report.problems.join('\n')).toMatch(/log\.level.*http\.serverTiming.*auth\.apiKey/s);
    expect(await statusWith(app, oldKey)).toBe(200);
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeDefined();
    expect(await configOf(app)).toMatchObject({ hash, loadedAt, refused: { problems: report.problems } });
    expect(await figure(app, 'weir_config_last_reload_refused')).toBe(1);
    app.write('key', `${oldKey}\n`);
    expect(await app.change(withKeyFile)).toEqual({ result: 'unchanged', changed: [], restartNeeded: [] });
    expect(await configOf(app)).toMatchObject({ hash, loadedAt, refused: null });
  });

  it('names what waits for a restart, and has the rest be in force', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    const waiting = ['redis.keyPrefix'];
    const changed = 'redis: {keyPrefix: "w:"}\nhttp: {serverTiming: false}\n';
    expect(await app.change(changed)).toMatchObject({ changed: ['http.serverTiming'], restartNeeded: waiting });
    expect((await configOf(app)).restartNeeded).toEqual(waiting);
    expect(await figure(app, 'weir_config_restart_needed')).toBe(1);
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeUndefined();
    expect(said(app, /wait for a restart/).map(({ fields }) => fields)).toEqual([{ restartNeeded: waiting }]);
    expect(await app.change('http: {serverTiming: false}\n')).toMatchObject({ result: 'unchanged', restartNeeded: [] });
  });

  it('does not take another profile’s defaults: it goes on with its own', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    const report = await app.change('profile: none\nhttp: {serverTiming: false}\n');
    expect(report).toMatchObject({ changed: ['http.serverTiming'], restartNeeded: ['profile'] });
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeUndefined();
  });

  it('gives the admin another password where one is configured', async () => {
    const files = { password: `${adminPassword}\n` };
    const yaml = 'auth: {adminPasswordFile: FOLDER/password}\n';
    await using app = await startReloadable(upstream.url, yaml, files, { WEIR_ADMIN_PASSWORD: '' });
    app.write('password', 'Another-2026!\n');
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed: ['auth.adminPassword'] });
    const login = (password: string) =>
      app.ask('POST /v1/users/login', `Host: weir\r\nAuthorization: ${basic('admin', password)}\r\n`);
    await until(async () => (await login('Another-2026!')).status === 200, { what: 'the new password' });
    expect((await login(adminPassword)).status).toBe(401);
  });

  it('is one at a time: those that come meanwhile are one more', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    app.write('weir.yaml', 'http: {serverTiming: false}\n');
    const asked = Array.from({ length: 50 }, () => app.reloads.reload('SIGHUP'));
    const results = (await Promise.all(asked)).map(({ result }) => result);
    expect(results).toEqual(['applied', ...Array.from({ length: 49 }, () => 'unchanged')]);
    expect(await figure(app, 'weir_config_reloads_total{result="unchanged"}')).toBe(1);
  });

  it('is asked for by POST at the ops port, which says what came of it', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    const post = async () => await ask('POST', `http://127.0.0.1:${app.opsPort}/reload`);
    expect(await post()).toMatchObject({ status: 200, json: { result: 'unchanged' } });
    app.write('weir.yaml', 'http: {serverTiming: 7}\n');
    expect(await post()).toMatchObject({ status: 422, json: { result: 'refused' } });
    expect((await app.ops('/reload')).status).toBe(405);
  });

  it('is over when Weir stops', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    app.reloads.close();
    const refused = { result: 'refused', problems: ['Weir is stopping'] };
    expect(await app.change('http: {serverTiming: false}\n')).toEqual(refused);
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeDefined();
  });
});

describe('a changed file', () => {
  it('is taken up: the configuration’s, and one that it names', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    app.reloads.watch();
    app.write('key', `${newKey}\n`);
    await until(async () => (await statusWith(app, newKey)) === 200, { what: 'the new key' });
    app.write('weir.yaml', `${withKeyFile}http: {serverTiming: false}\n`);
    await until(() => said(app, /is in force/).length === 2, { what: 'the new configuration' });
    const changed = said(app, /is in force/).map(({ fields }) => fields['changed']);
    expect(changed).toEqual([['auth.apiKey'], ['http.serverTiming']]);
  });

  it('is taken up where it changed between the start and the watch', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    app.write('key', `${newKey}\n`);
    app.reloads.watch();
    await until(async () => (await statusWith(app, newKey)) === 200, { what: 'the new key' });
  });

  it('is taken up where a ConfigMap’s link is swapped', async () => {
    await using app = await startMounted(upstream.url);
    app.reloads.watch();
    mountIn(app.folder, '2', newKey);
    await until(async () => (await statusWith(app, newKey)) === 200, { what: 'the new key' });
  });

  it('that was a pipe for a while is no trouble any more once it is what it was', async () => {
    await using app = await startReloadable(upstream.url, withKeyFile, keyFile, noKey);
    app.reloads.watch();
    const path = join(app.folder, 'key');
    unlinkSync(path);
    execFileSync('mkfifo', [path]);
    await until(async () => (await configOf(app)).refused?.problems[0]?.includes('is a pipe'), { what: 'the refusal' });
    unlinkSync(path);
    app.write('key', keyFile.key);
    await until(async () => (await configOf(app)).refused === null, { what: 'the file' });
  });

  it('that stays half written is refused once, and taken up when it is whole', async () => {
    await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
    app.reloads.watch();
    // In place, as a slow writer does.
    const path = join(app.folder, 'weir.yaml');
    writeFileSync(path, 'http: {serverTiming: ');
    await until(() => said(app, /refused/).length === 1, { what: 'the refusal of what stays half written' });
    appendFileSync(path, 'false}\n');
    await until(() => said(app, /is in force/).length === 1, { what: 'the whole' });
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeUndefined();
  });
});

it('A file with problems is refused once, whatever else happens in its folder meanwhile', async () => {
  await using app = await startReloadable(upstream.url, 'http: {serverTiming: true}\n');
  app.reloads.watch();
  writeFileSync(join(app.folder, 'weir.yaml'), 'http: {serverTiming: perhaps}\n');
  const isRefused = (): boolean => {
    writeFileSync(join(app.folder, 'beside'), String(performance.now()));
    return said(app, /refused/).length > 0;
  };
  await until(isRefused, { what: 'the refusal' });
  // Behind whatever waits for its turn.
  expect(await app.reloads.reload('command')).toMatchObject({ result: 'refused' });
  expect(said(app, /refused/)).toHaveLength(2);
});

it('A credential’s file that is wrong is told once, whatever else happens in its folder meanwhile', async () => {
  const authorizations = 'coreapp: {authorizations: {contacts: FOLDER/one, messages: FOLDER/other}}\n';
  await using app = await startReloadable(upstream.url, authorizations, { one: 'Bearer 1\n', other: 'Bearer 1\n' });
  const wrong = () => said(app, /the old one stays/).map(({ fields }) => fields['file']);
  const [one, other] = [join(app.folder, 'one'), join(app.folder, 'other')];
  unlinkSync(one);
  await until(() => wrong().length > 0, { what: 'the first to be missed' });
  for (const text of ['Bearer 2', 'Bearer 3']) {
    const before = said(app, /changed credentials/).length;
    app.write('other', text);
    await until(() => said(app, /changed credentials/).length > before, { what: 'the second to be taken up' });
  }
  // Were a pipe read, nobody would be answered any more.
  unlinkSync(other);
  execFileSync('mkfifo', [other]);
  await until(() => wrong().length > 1, { what: 'the second to be missed' });
  expect(wrong()).toEqual([one, other]);
});

/** As the kubelet lays a ConfigMap out: `key` leads to `..data/key`, and `..data` to a folder that is swapped. */
function mountIn(folder: string, version: string, key: string): void {
  const mount = join(folder, 'mount');
  mkdirSync(join(mount, `..${version}`), { recursive: true });
  writeFileSync(join(mount, `..${version}`, 'key'), `${key}\n`);
  symlinkSync(`..${version}`, join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
}

async function startMounted(url: string): Promise<ReloadableApp> {
  return await startReloadable(url, 'auth: {apiKeyFile: FOLDER/mount/key}\n', {}, noKey, (folder) => {
    mountIn(folder, '1', oldKey);
    symlinkSync('..data/key', join(folder, 'mount', 'key'));
  });
}

describe('docs/how-to/change-the-configuration.md', () => {
  it('lists what needs a restart', () => {
    const page = readFileSync(new URL('../../docs/how-to/change-the-configuration.md', import.meta.url), 'utf8');
    const listed = page.split('## What needs a restart')[1]?.matchAll(/^- `([\w.*]+)`/gm) ?? [];
    expect([...listed].map(([, name]) => name)).toEqual(needRestart);
  });
});
