/** A variable that nobody filled in, and a port where nothing listens, are refused before anything is sent there. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what nobody filled in.
import { describe, expect, test } from 'vitest';
import { config, load, problems } from '../support/config.ts';

const wanted = (name: string) => `set the variable ${name} where that is to be filled in, or give the value itself`;
const open = (reference: string, name: string) => `holds ${reference}, which was not filled in; ${wanted(name)}`;

describe('COREAPP_URL', () => {
  test.each([
    ['http://$(COREAPP_HOST):9090', '$(COREAPP_HOST)', 'COREAPP_HOST'],
    ['http://${COREAPP_HOST}:9090', '${COREAPP_HOST}', 'COREAPP_HOST'],
    ['http://${COREAPP_HOST:-coreapp}:9090', '${COREAPP_HOST:-coreapp}', 'COREAPP_HOST'],
    ['http://coreapp:$(COREAPP_PORT)', '$(COREAPP_PORT)', 'COREAPP_PORT'],
    ['http://coreapp.${NAMESPACE}.svc:9090', '${NAMESPACE}', 'NAMESPACE'],
    ['http://$COREAPP_HOST:9090', '$COREAPP_HOST', 'COREAPP_HOST'],
    ['http://%COREAPP_HOST%:9090', '%COREAPP_HOST%', 'COREAPP_HOST'],
    ['http://{{coreapp_host}}:9090', '{{coreapp_host}}', 'coreapp_host'],
    ['http://{{ .Values.host }}:9090', '{{ .Values.host }}', 'Values.host'],
    ['$(COREAPP_URL)', '$(COREAPP_URL)', 'COREAPP_URL'],
  ])('%s names the variable', (url, reference, name) => {
    expect(problems(load('', { COREAPP_URL: url }))).toEqual([
      `COREAPP_URL: ${JSON.stringify(url)} ${open(reference, name)}`,
    ]);
  });

  test.each(['http://coreapp:0', 'https://10.0.0.1:0', 'http://[::1]:0/', 'http://coreapp:00'])(
    '%s names the port',
    (url) => {
      expect(problems(load('', { COREAPP_URL: url }))).toEqual([
        `COREAPP_URL: ${JSON.stringify(url)} names port 0, where nothing listens; give a port from 1 to 65535`,
      ]);
    },
  );

  test.each(['http://core*app:1', 'http://core,app:1', "http://core'app", 'http://a$b:1'])('%s has no host', (url) => {
    expect(problems(load('', { COREAPP_URL: url })).join()).toMatch(/^COREAPP_URL: /);
  });
});

describe('Other settings', () => {
  test.each([
    ['HOST', '$(HOST_IP)', '"$(HOST_IP)"', 'HOST_IP'],
    ['PORT', '${PORT}', '"${PORT}"', 'PORT'],
    ['WA_API_KEY', '$(MONITORING_KEY)', 'a value of 17 characters', 'MONITORING_KEY'],
    ['WEIR_ADMIN_PASSWORD', '$(Weir_Pass_1)', 'a value of 14 characters', 'Weir_Pass_1'],
    ['WA_API_KEY_FILE', '${KEY_FILE}', '"${KEY_FILE}"', 'KEY_FILE'],
  ])('%s=%s', (variable, value, given, name) => {
    expect(problems(load('', { [variable]: value }))).toEqual([`${variable}: ${given} ${open(value, name)}`]);
  });

  const token = 'coreapp.authorization: a value of 15 characters';
  const jwt = (keys: string) => `auth: {jwt: {audience: b, ${keys}}}`;
  test.each([
    ['coreapp: {authorization: "Bearer $(TOKEN)"}', token, '$(TOKEN)', 'TOKEN'],
    ['redis: {keyPrefix: "$(PREFIX)"}', 'redis.keyPrefix: "$(PREFIX)"', '$(PREFIX)', 'PREFIX'],
    [jwt('issuer: a, jwksUrl: "https://$(IDP)/keys"'), 'auth.jwt.jwksUrl: "https://$(IDP)/keys"', '$(IDP)', 'IDP'],
    [jwt('issuer: "${ISSUER}", jwksFile: /x'), 'auth.jwt.issuer: "${ISSUER}"', '${ISSUER}', 'ISSUER'],
  ])('%s', (yaml, given, reference, name) => {
    const [setting = ''] = given.split(':');
    expect(problems(load(yaml)).filter((line) => line.includes(setting))).toEqual([
      expect.stringContaining(`${given} ${open(reference, name)}`),
    ]);
  });

  test('a port of 0 where keys are fetched', () => {
    const yaml = 'auth: {jwt: {issuer: a, audience: b, jwksUrl: "https://idp:0/keys"}}';
    expect(problems(load(yaml)).join()).toContain('names port 0, where nothing listens');
  });

  test('a secret may hold what looks like a reference in a part of it', () => {
    const password = 'aB1!$(x)y';
    expect(config(load('', { WEIR_ADMIN_PASSWORD: password })).auth.adminPassword).toBe(password);
  });
});

describe('REDIS_URL', () => {
  test.each([
    ['redis://$(REDIS_HOST):6379', '"redis://$(REDIS_HOST):6379"', '$(REDIS_HOST)', 'REDIS_HOST'],
    ['redis://redis:${REDIS_PORT}', '"redis://redis:…"', '${REDIS_PORT}', 'REDIS_PORT'],
    ['redis://$REDIS_HOST', '"redis://$REDIS_HOST"', '$REDIS_HOST', 'REDIS_HOST'],
    ['redis://:$(REDIS_PASSWORD)@redis:6379', '"redis://…@redis:6379"', '$(REDIS_PASSWORD)', 'REDIS_PASSWORD'],
    ['redis://${REDIS_USER}:secret@redis', '"redis://…@redis"', '${REDIS_USER}', 'REDIS_USER'],
    ['redis://redis/$(REDIS_DB)', '"redis://redis/…"', '$(REDIS_DB)', 'REDIS_DB'],
    ['redis-sentinel://a,$(HOST)/0?master=m', '"redis-sentinel://a,$(HOST)/0?master=…"', '$(HOST)', 'HOST'],
    ['redis-sentinel://a/0?master=$(MASTER)', '"redis-sentinel://a/0?master=…"', '$(MASTER)', 'MASTER'],
  ])('%s names the variable', (url, given, reference, name) => {
    expect(problems(load('', { REDIS_URL: url }))).toEqual([`REDIS_URL: ${given} ${open(reference, name)}`]);
  });

  test('names port 0', () => {
    expect(problems(load('', { REDIS_URL: 'redis://redis:0' }))).toEqual([
      'REDIS_URL: "redis://redis:0" names port 0, where nothing listens; give a port from 1 to 65535',
    ]);
  });

  test('takes a password that holds what looks like a reference in a part of it', () => {
    const url = 'redis://:a$(b)c@redis:6379';
    expect(config(load('', { REDIS_URL: url })).redis.url).toBe(url);
  });
});
