/** Which endpoint a path is, who answers it, in which class, and who may use it. */
import { describe, expect, test } from 'vitest';
import type { Access, EndpointClass, Route } from '../../src/exchange/route.ts';
import type { OwnEndpoint } from '../../src/profiles/coreapp/routes.ts';
import { adminPathsDefault, createRouter, readTarget } from '../support/routes.ts';

const routeOf = createRouter(adminPathsDefault);

/** The route of a request target, as it would travel. */
function route(target: string): Route {
  const read = readTarget(target);
  if (read.kind !== 'target') throw new Error(`${target} is malformed: ${read.why}`);
  return routeOf(read.path);
}

describe('The Coreapp answers', () => {
  test.each<[target: string, name: EndpointClass, access: Access]>([
    ['/v1/messages', 'messages', 'user'],
    ['/v1/messages/', 'messages', 'user'],
    ['/v1/messages/gBEGkYiEB1VXAglK1ZEqA1YKPrU', 'messages', 'user'],
    ['/v1/messages?x=/v1/health', 'messages', 'user'],
    ['/v1/contacts', 'contacts', 'user'],
    ['/v1/contacts/', 'contacts', 'user'],
    ['/v1/contacts/16315551000/identity', 'contacts', 'user'],
    ['/v1/contacts/16315551000/block', 'contacts', 'user'],
    ['/v1/media', 'media', 'user'],
    ['/v1/media/f043afd0-f0ae-4b9c-ab3d-696fb4c8cd68', 'media', 'user'],
    ['/v1/settings/application', 'settings', 'admin'],
    ['/v1/settings/application/', 'settings', 'admin'],
    ['/v1/settings/application?x=1', 'settings', 'admin'],
    ['/v1/settings/application/media/providers', 'settings', 'admin'],
    ['/v1/settings/application/media/providers/name', 'settings', 'admin'],
    ['/v1/settings/applications', 'settings', 'user'],
    ['/v1/settings', 'settings', 'user'],
    ['/v1/settings/backup', 'settings', 'user'],
    ['/v1/settings/restore', 'settings', 'user'],
    ['/v1/settings/business/profile', 'settings', 'user'],
    ['/v1/settings/profile/photo?format=link', 'settings', 'user'],
    ['/v1/settings/account/two-step', 'settings', 'user'],
    ['/v1/account', 'account', 'user'],
    ['/v1/account/verify', 'account', 'user'],
    ['/v1/account/shards', 'account', 'user'],
    ['/v1/stickerpacks', 'stickers', 'user'],
    ['/v1/stickerpacks/1/stickers/2', 'stickers', 'user'],
    ['/v1/certificates/external/ca', 'certificates', 'user'],
    ['/v1/certificates/webhooks/ca', 'certificates', 'user'],
    ['/v1/services/message/gc', 'services', 'user'],
    ['/v1/services/media/gc', 'services', 'user'],
    ['/v1/groups/1/participants', 'groups', 'user'],
    ['/v1/health', 'health', 'monitoring'],
    ['/v1/health/', 'health', 'monitoring'],
    ['/v1/stats/app', 'stats', 'monitoring'],
    ['/v1/stats/app/internal', 'stats', 'monitoring'],
    ['/v1/stats/db?format=prometheus', 'stats', 'monitoring'],
    ['/v1/stats/db/internal', 'stats', 'monitoring'],
    ['/v1/support', 'support', 'user'],
  ])('%s in the class %s, to any %s', (target, name, access) => {
    expect(route(target)).toEqual({ by: 'coreapp', class: name, access });
  });
});

describe('What is not known is the Coreapp’s to answer, in the default class:', () => {
  test.each([
    '/',
    '/v1',
    '/v1/',
    '/v2/messages',
    '/v1/message',
    '/v1/messages2',
    '/v1/stickers',
    '/v1/default',
    '/v1/constructor',
    '/v1/__proto__',
    '/metrics/x',
    '/v1/metrics/x',
    '/messages',
    '/health',
    '/users/login',
  ])('%s', (target) => {
    expect(route(target)).toEqual({ by: 'coreapp', class: 'default', access: 'user' });
  });
});

describe('Weir answers', () => {
  test.each<
    [target: string, name: 'users' | 'metrics', endpoint: OwnEndpoint, access: Access, username: string | null]
  >([
    ['/v1/users/login', 'users', 'login', 'login', null],
    ['/v1/users/login/', 'users', 'login', 'login', null],
    ['/v1/users/login?x', 'users', 'login', 'login', null],
    ['/v1/users/logout', 'users', 'logout', 'user', null],
    ['/v1/users', 'users', 'users', 'admin', null],
    ['/v1/users/', 'users', 'users', 'admin', null],
    ['/v1/users/admin', 'users', 'user', 'user', 'admin'],
    ['/v1/users/admin/', 'users', 'user', 'user', 'admin'],
    ['/v1/users/Login', 'users', 'user', 'user', 'Login'],
    ['/v1/users/zo%C3%AB', 'users', 'user', 'user', 'zoë'],
    ['/v1/users/a%20b', 'users', 'user', 'user', 'a b'],
    ['/v1/users/%6cogin', 'users', 'login', 'login', null],
    ['/v1/users/%FF', 'users', 'user', 'user', '%FF'],
    ['/v1/users/a/b', 'users', 'user', 'user', 'a/b'],
    ['/metrics', 'metrics', 'metrics', 'monitoring', null],
    ['/metrics/', 'metrics', 'metrics', 'monitoring', null],
    ['/metrics?format=prometheus', 'metrics', 'metrics', 'monitoring', null],
    ['/v1/metrics', 'metrics', 'metrics', 'monitoring', null],
  ])('%s: %s, %s, to any %s, naming %s', (target, name, endpoint, access, username) => {
    expect(route(target)).toEqual({ by: 'weir', class: name, access, endpoint, username });
  });
});

describe('However it is written, what needs the admin needs the admin:', () => {
  test.each([
    '/v1/settings/%61pplication',
    '/v1//settings/application',
    '/v1/settings//application',
    '/v1/settings/application//',
    '/%76%31/settings/application',
    'http://weir/v1/settings/application',
    'HTTP://weir:8080/v1/settings/application?x',
  ])('%s', (target) => {
    expect(route(target)).toEqual({ by: 'coreapp', class: 'settings', access: 'admin' });
  });
});

describe('An upstream may match without regard to case, so access and class do:', () => {
  test.each<[target: string, name: string, access: Access]>([
    ['/V1/messages', 'messages', 'user'],
    ['/v1/Messages', 'messages', 'user'],
    ['/v1/%4Dessages', 'messages', 'user'],
    ['/v1/MEDIA/F043', 'media', 'user'],
    ['/v1/settings/Application', 'settings', 'admin'],
    ['/V1/SETTINGS/APPLICATION/Media', 'settings', 'admin'],
    ['/v1/Health', 'health', 'monitoring'],
    ['/V1/Stats/App', 'stats', 'monitoring'],
    ['/Metrics', 'metrics', 'monitoring'],
    ['/V1/users', 'users', 'admin'],
    ['/v1/USERS', 'users', 'admin'],
    ['/V1/Users/login', 'users', 'login'],
    ['/V1/Users/Anna', 'users', 'user'],
  ])('%s is in the class %s, for any %s', (target, name, access) => {
    expect(route(target)).toMatchObject({ class: name, access });
  });

  test('the name of a user keeps its case', () => {
    expect(route('/V1/Users/Anna%20B')).toMatchObject({ endpoint: 'user', username: 'Anna B' });
    expect(route('/v1/%2575sers/Anna')).toMatchObject({ endpoint: 'user', username: 'Anna' });
  });

  test.each([
    ['/V1/messages', 'default', 'user'],
    ['/v1/Messages', 'default', 'user'],
    ['/v1/settings/Application', 'settings', 'user'],
    ['/v1/settings/application', 'settings', 'admin'],
    ['/v1/settings/%2561pplication', 'settings', 'admin'],
    ['/V1/users', 'default', 'user'],
    ['/v1/Health', 'default', 'user'],
    ['/Odd/Path', 'default', 'admin'],
    ['/odd/path', 'default', 'user'],
  ])('unless it tells cases apart: %s is in the class %s, for any %s', (path, name, access) => {
    const strict = createRouter(['/v1/settings/application', '/Odd'], true);
    expect(strict(path)).toMatchObject({ class: name, access });
  });
});

describe('An upstream may take off what stands beside a name, or decode more than Weir does:', () => {
  const beside = ['%20', '%20%20', '.json', '.', '...', '%3b', '%3Bx', ';x', ';', '%09', '%0a', '%0D', '%7f', '~', '+'];
  const behind = [
    '%3f',
    '%3fx=1',
    '%23',
    ',json',
    '%22',
    '(',
    '@',
    ':80',
    '*',
    '%C2%A0',
    '%E2%80%8B',
    '%2520',
    '.JSON',
  ];
  const spellings = [
    ...[...beside, ...behind].map((end) => `/v1/settings/application${end}`),
    ...[...beside, ...behind].map((end) => `/v1/settings/application${end}/media/providers`),
    ...['/v1/settings/.../application', '/v1/.json/settings/application', '/v1/settings/%20/~/application/x'],
    ...['/v1/settings%20/application', '/v1.json/settings/application', '/v1/settings.x/application.y/z'],
    ...['/v1/settings/%20application', '/v1/settings/+application', '/v1/%09settings/application'],
    ...['/v1/settings/%2561pplication', '/v1/settings/%252561pplication', '/v1/%25%37%33ettings/application'],
    ...['/v1/settings/%C1%A1pplication', '/v1/settings/%E0%81%A1pplication'],
    ...['/v1/settings/%EF%BD%81pplication', '/v1/settings/appl%C4%B1cation', '/v1/%C5%BFettings/application'],
    ...['/v1/settings/appl%C4%B0cation', '/v1/settings/appli%E2%80%8Bcation', '/v1/settings/%C3%A0pplication'],
    ...['/v1/settings/a%CC%80pplication', '/v1/%EF%BC%B3ettings/application', '/v1/settings/application%FF'],
  ];
  test.each(spellings)('%s needs the admin', (target) => {
    expect(route(target)).toMatchObject({ by: 'coreapp', access: 'admin' });
  });

  test.each([
    ['/v1/settings/applications', 'settings'],
    ['/v1/settings/application-2', 'settings'],
    ['/v1/settings/application_x', 'settings'],
    ['/v1/settings/application%C3%AB', 'settings'],
    ['/v1/settings/applicat', 'settings'],
    ['/v1/settings/x.application', 'settings'],
    ['/v1/settings/x/application', 'settings'],
    ['/v1/setting/application', 'default'],
  ])('%s is another name, in the class %s', (target, name) => {
    expect(route(target)).toEqual({ by: 'coreapp', class: name, access: 'user' });
  });

  test.each([
    ['/v1/messages.json', 'messages'],
    ['/v1/messages%20', 'messages'],
    ['/v1/%6d%2565ssages', 'messages'],
    ['/v1/messages%3bx/1', 'messages'],
    ['/v1/media~', 'media'],
    ['/v1/.messages', 'default'],
  ])('%s is in the class %s', (target, name) => {
    expect(route(target)).toMatchObject({ class: name });
  });
});

describe('What is for monitoring is that and no more: any user may ask for', () => {
  test.each([
    ['/v1/health/x', 'health'],
    ['/v1/health/live', 'health'],
    ['/v1/health.json', 'health'],
    ['/v1/health%20', 'health'],
    ['/v1/he%2561lth', 'health'],
    ['/v1/h%C3%A9alth', 'health'],
    ['/v1/stats', 'stats'],
    ['/v1/stats/app/external', 'stats'],
    ['/v1/stats/apps', 'stats'],
    ['/v1/stats/db/internal/x', 'stats'],
  ])('%s in the class %s', (target, name) => {
    expect(route(target)).toEqual({ by: 'coreapp', class: name, access: 'user' });
  });
});

describe('Paths that are set to need the admin', () => {
  test.each<[adminPath: string, target: string, access: Access]>([
    ['/v1/account', '/v1/account', 'admin'],
    ['/v1/account', '/v1/account/verify', 'admin'],
    ['/v1/account', '/v1/accounts', 'user'],
    ['/v1/account', '/v1/settings/application', 'user'],
    ['/v1/contacts/1', '/v1/contacts/1/block', 'admin'],
    ['/v1/contacts/1', '/v1/contacts/12', 'user'],
    ['/v1/health', '/v1/health', 'admin'],
    ['/metrics', '/v1/metrics', 'admin'],
    ['/metrics', '/metrics', 'admin'],
    ['/odd', '/odd/path', 'admin'],
    ['/v1/Account', '/v1/account', 'admin'],
    ['/v1/account', '/v1/ACCOUNT/verify', 'admin'],
    ['/v1/account', '/v1/account%20/verify', 'admin'],
    ['/v1/contacts/1', '/v1/contacts/1.json', 'admin'],
    ['/v1/stats/db', '/v1/stats/db/internal', 'admin'],
    ['/v1/stats/db', '/v1/stats/app', 'monitoring'],
    ['/a.b', '/a.b.c', 'admin'],
    ['/a.b', '/a.bc', 'user'],
    ['/a.b', '/a', 'user'],
    ['/odd', '/odd.json', 'admin'],
    ['/', '/v1/messages', 'admin'],
    ['/', '/v1/users/login', 'login'],
    ['/v1', '/v1/messages', 'admin'],
  ])('%s: %s is for any %s', (adminPath, target, access) => {
    const read = readTarget(target);
    expect(createRouter([adminPath])(read.kind === 'target' ? read.path : '')).toMatchObject({ access });
  });
});
