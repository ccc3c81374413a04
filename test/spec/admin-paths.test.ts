/** `auth.adminPaths`: each path needs the admin, with all below it and nothing beside it. */
import { describe, expect, it, test } from 'vitest';
import { config, load, problems } from '../support/config.ts';
import { createRouter } from '../support/routes.ts';

it.each<[adminPaths: string[], needs: string[], needsNot: string[]]>([
  [[], [], ['/v1/settings/application', '/v1/messages']],
  [
    ['/v1/certificates'],
    ['/v1/certificates', '/v1/certificates/external/ca'],
    ['/v1/settings/application', '/v1/certificate'],
  ],
  [
    ['/v1/account', '/v1/settings/account/two-step'],
    ['/v1/account', '/v1/account/verify', '/v1/settings/account/two-step'],
    ['/v1/accounts', '/v1/settings/account', '/v1/settings'],
  ],
  [
    ['/v1/media/1'],
    ['/v1/media/1', '/v1/media/1/2', '/V1/Media/1', '/v1/media/1.jpg', '/v1/media/1%20', '/v1/media/1;x/2'],
    ['/v1/media', '/v1/media/12', '/v1/media/1_2', '/v1/media/x1'],
  ],
  [['/v1/unknown/thing'], ['/v1/unknown/thing/x'], ['/v1/unknown', '/v1/unknown/things']],
  [['/internal'], ['/internal', '/internal/x'], ['/internals', '/v1/messages']],
  [['/v1/health'], ['/v1/health'], ['/v1/stats/app', '/metrics']],
  [['/v1/metrics'], ['/v1/metrics', '/metrics'], ['/v1/health']],
  [['/metrics'], ['/v1/metrics', '/metrics'], ['/v1/health']],
  [['/v1'], ['/v1', '/v1/messages', '/v1/health', '/v1/whatever', '/metrics'], ['/', '/v2/messages']],
  [['/'], ['/', '/v1/messages', '/v1/health', '/whatever', '/metrics'], []],
])('%j', (adminPaths, needs, needsNot) => {
  const route = createRouter(adminPaths);
  for (const path of needs) expect([path, route(path).access]).toEqual([path, 'admin']);
  for (const path of needsNot) expect([path, route(path).access]).not.toEqual([path, 'admin']);
});

test.each([[[]], [['/']], [['/v1']]])('users have rules of their own, whatever stands there: %j', (adminPaths) => {
  const route = createRouter(adminPaths);
  const paths = ['/v1/users/login', '/v1/users/logout', '/v1/users', '/v1/users/anna'];
  expect(paths.map((path) => route(path).access)).toEqual(['login', 'user', 'admin', 'user']);
});

describe('in the configuration', () => {
  it('is a list of paths', () => {
    const paths = (yaml: string) => config(load(yaml)).auth.adminPaths;
    expect(paths('{}')).toEqual(['/v1/settings/application']);
    expect(paths('auth: {adminPaths: []}')).toEqual([]);
    expect(paths('auth: {adminPaths: [/v1/settings, /]}')).toEqual(['/v1/settings', '/']);
  });

  it.each([
    ...['v1/settings', '/v1/settings/', '/v1//settings', '/v1/%73ettings', '/v1/a:b', '/v1/../x', '/v1/x?y', '', 7],
  ])('takes no %j', (path) => {
    const [line, ...more] = problems(load(`auth:\n  adminPaths: [/v1/media, ${JSON.stringify(path)}]`));
    expect(line).toMatch(
      /^w\.yaml:2:27: auth\.adminPaths\[1\]: .* is not allowed; give a list of paths such as \/v1\/settings/,
    );
    expect(more).toEqual([]);
  });

  const users = ['/v1/users', '/v1/users/anna', '/V1/Users', '/v1/users.json'];
  it.each(users)('says of %j that it has rules of its own', (path) => {
    expect(problems(load(`auth: {adminPaths: [${path}]}`))).toEqual([
      `w.yaml:1:21: auth.adminPaths[0]: "${path}" is not allowed; give a list of paths such as /v1/settings/application: letters, digits and -._~ between slashes, none at the end; not /v1/users, which has rules of its own`,
    ]);
  });

  it.each(users)('takes %j where it is the upstream’s', (path) => {
    const given = load(`profile: none\nauth: {adminPaths: [${path}]}`, { UPSTREAM_URL: 'http://127.0.0.1:9000' });
    expect(config(given).auth.adminPaths).toEqual([path]);
  });
});
