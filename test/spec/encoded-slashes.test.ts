/** `coreapp.encodedSlashes`: an API whose names hold slashes. What is a name stays one, for classes, scopes, admins and costs. */
import { describe, expect, it, test } from 'vitest';
import { foldedPath } from '../../src/http/paths.ts';
import { readTarget } from '../../src/http/target.ts';
import { load, problems } from '../support/config.ts';
import { startForAll } from '../support/start-for-all.ts';

const read = (target: string) => readTarget(target, 'GET', null, true);

describe('A path in which %2F is a part of a name', () => {
  test.each([
    ['/projects/group%2Fname/issues', '/projects/group%2Fname/issues', '/projects/group%2fname/issues'],
    ['/projects/group%2fname', '/projects/group%2fname', '/projects/group%2fname'],
    ['/a/%2Fb', '/a/%2Fb', '/a/%2fb'],
    ['/a/b%2F/', '/a/b%2F', '/a/b%2f'],
    ['/%61/B%2FC;v=1/%C3%A9', '/a/B%2FC/%C3%A9', '/a/b%2fc/e'],
    ['/a%2F%2Fb?q=%2F', '/a%2F%2Fb', '/a%2f%2fb'],
  ])('%s is read as %s', (target, path, folded) => {
    expect(read(target)).toEqual({ kind: 'target', raw: target, path, authority: null });
    expect(foldedPath(path, false)).toBe(folded);
    expect(readTarget(target)).toMatchObject({ kind: 'malformed', why: expect.stringMatching(/encoded slash/) });
  });

  test.each([
    ['/a%2F..%2Fb', /"\.\." segment/],
    ['/a%2F.%2e/b', /"\.\." segment/],
    ['/a/..%2Fb', /"\.\." segment/],
    ['/%2Fevil.example/x', /first segment/],
    ['/%2f', /first segment/],
    ['/a%5Cb%2Fc', /backslash/],
    ['/a%00%2Fc', /backslash or an encoded slash/],
    ['/a%252Fb', /encoded twice/],
    ['/a%2Fb%252e%252e', /encoded twice|could become/],
    ['/a%2Fb%zz', /hexadecimal/],
    ['/a%2F%c0%ae%c0%ae%2Fb', /could become/],
  ])('%s is refused all the same', (target, why) => {
    expect(read(target)).toMatchObject({ kind: 'malformed', why: expect.stringMatching(why) });
  });
});

describe('In front of such an API', async () => {
  const { upstream, app } = await startForAll(
    `profile: none
auth: {open: true, adminPaths: [/projects/secret]}
coreapp: {encodedSlashes: true}
limits:
  projects: {match: ["* /projects/{id}"], scope: "path:/projects/{id}", rate: 0.001, burst: 1, holdMaxMs: 600000}
  files: {match: ["* /projects/{id}/files/**"]}
`,
  );
  const ask = async (path: string): Promise<number> => (await app.ask(`GET ${path}`, 'Host: weir\r\n')).status;

  it('a name with a slash is one segment: in its class, with a limit of its own, and sent as it came', async () => {
    expect(await ask('/projects/group%2Fa')).toBe(200);
    expect(await ask('/projects/group%2Fb')).toBe(200);
    expect(await ask('/projects/group%2fa')).toBe(503);
    expect(await ask('/projects/group%2Fa/files/x%2Fy.txt')).toBe(200);
    const targets = ['/projects/group%2Fa', '/projects/group%2Fb', '/projects/group%2Fa/files/x%2Fy.txt'];
    expect(upstream.arrivals.map(({ target }) => target)).toEqual(targets);
    expect(app.lines.slice(-4).map((line) => line.class)).toEqual(['projects', 'projects', 'projects', 'files']);
  });

  it('what needs the admin needs it with something beside its name, too', async () => {
    for (const path of ['/projects/secret', '/projects/secret%2Fx', '/projects/secret/x%2Fy']) {
      expect([path, await ask(path)]).toEqual([path, 401]);
    }
  });
});

test('The Coreapp has no such names', () => {
  expect(problems(load('coreapp: {encodedSlashes: true}'))).toEqual([
    'w.yaml:1:27: coreapp.encodedSlashes: true is not allowed; give false with the profile coreapp, none of whose names hold a slash',
  ]);
  expect(problems(load('profile: none\ncoreapp: {encodedSlashes: true}', { UPSTREAM_URL: 'http://api' }))).toEqual([]);
});
