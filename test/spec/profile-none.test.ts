/** With the profiles `none` and `cloud` Weir takes no path from the upstream: not one of those that it answers itself in `coreapp`. */
import { describe, expect, test } from 'vitest';
import { routingOf } from '../../src/app/profile.ts';
import type { Route } from '../../src/exchange/route.ts';
import { readPattern, takesPath } from '../../src/http/patterns.ts';
import { readTarget } from '../../src/http/target.ts';
import { ownPatterns } from '../../src/profiles/coreapp/routes.ts';
import { config, load, problems } from '../support/config.ts';
import { startForAll } from '../support/start-for-all.ts';
import { answer, say } from '../support/upstream.ts';

/** What Weir answers in the profile `coreapp`. */
const own = [
  ...['/v1/users', '/v1/users/', '/v1/users/login', '/v1/users/logout', '/v1/users/anna', '/v1/users/a/b'],
  ...['/V1/Users/Login', '/v1/users/%61nna', '/metrics', '/v1/metrics', '/v1/metrics?format=prometheus', '/Metrics'],
];
/** What it refuses there, since an upstream might take it for one of these. */
const refused = ['/v1/users.json', '/v1/users;x/anna', '/v1/users%20/login', '/v1/users/anna;x'];
/** What needs the admin there, or is open to the API key. */
const guarded = ['/v1/settings/application', '/v1/settings/application/x', '/v1/health', '/v1/stats/app'];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const env = { UPSTREAM_URL: 'http://api.example.com' };

function routeOf(profile: string, target: string): Route | 'refused' {
  const { guardedPath, routeOf } = routingOf(config(load(`profile: ${profile}`, env)));
  const read = readTarget(target, 'GET', guardedPath);
  return read.kind === 'target' ? routeOf({ method: 'GET', path: read.path, fields: [] }) : 'refused';
}

test('the paths of these tests are those that the profile coreapp takes, all of them', () => {
  for (const target of own) expect(routeOf('coreapp', target), target).toMatchObject({ by: 'weir' });
  for (const target of refused) expect(routeOf('coreapp', target), target).toBe('refused');
  for (const target of guarded) expect(routeOf('coreapp', target), target).not.toMatchObject({ access: 'user' });
  const untried = ownPatterns.filter((text) => !own.some((path) => takesPath(readPattern(text, false), path)));
  expect(untried).toEqual([]);
});

describe.each(['none', 'cloud'])('With the profile %s', (profile) => {
  test.each([...own, ...refused, ...guarded])('%s is the upstream’s, and any user’s', (target) => {
    expect(routeOf(profile, target)).toMatchObject({ by: 'coreapp', access: 'user' });
  });

  test('such paths can be reserved for admins, and be a class', () => {
    const yaml = `profile: ${profile}\nauth: {adminPaths: [/v1/users, /metrics]}\nlimits: {users: {match: ["POST /v1/users"]}}`;
    expect(problems(load(yaml, env))).toEqual([]);
    expect(config(load(yaml, env)).auth.adminPaths).toEqual(['/v1/users', '/metrics']);
  });

  test('nothing needs an admin unless somebody says so', () => {
    expect(config(load(`profile: ${profile}`, env)).auth.adminPaths).toEqual([]);
  });

  test('what opens nothing there is told', () => {
    const given = { ...env, WA_API_KEY: 'monitoring-key-1', WEIR_ADMIN_PASSWORD: 'Weir-2026!' };
    expect(load(`profile: ${profile}`, given).notes).toEqual(
      expect.arrayContaining([
        `auth.apiKey opens nothing: the profile ${profile} has no endpoints of Weir’s`,
        `auth.adminPassword opens nothing: the profile ${profile} has no endpoints of Weir’s`,
      ]),
    );
  });
});

describe('In front of an API that has the same paths', async () => {
  const yaml = 'profile: none\nauth: {open: true}\nlimits: {default: {rate: 1000, burst: 1000}}';
  const { app, upstream } = await startForAll(yaml);

  test.each(methods)('%s of each arrives as sent, with its Authorization; the answer comes back', async (method) => {
    upstream.play(say(answer(200, { 'X-Api': 'its own' })));
    const targets = [...own, ...refused, ...guarded];
    for (const target of targets) {
      const told = await app.ask(`${method} ${target}`, 'Host: weir\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n');
      expect([target, told.status, told.field('x-api')]).toEqual([target, 200, 'its own']);
    }
    const came = upstream.arrivals.map((one) => [one.method, one.target, one.field('authorization')]);
    expect(came).toEqual(targets.map((target) => [method, target, 'Basic YWRtaW46c2VjcmV0']));
  });
});
