/** Configuration: what is written about it agrees with the schema, its one source. */
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles, staleFiles } from '../../scripts/generate.ts';
import { leaves } from '../../src/config/layer.ts';
import { endpointClasses } from '../support/classes.ts';
import { config, load, problems, shipped } from '../support/config.ts';

describe('config/weir.yaml', () => {
  it('says what the defaults are', () => {
    expect(config(load(shipped))).toEqual(config(load('')));
  });

  it('mentions every setting and every class', () => {
    const tree = parse(shipped);
    const missing = leaves.filter(
      ({ path, fallback }) => fallback !== undefined && path.reduce((node, key) => node?.[key], tree) === undefined,
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
    for (const name of endpointClasses) expect(shipped).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it('every setting says what it is for', () => {
    for (const { name, about } of leaves) expect(about.description, name).toMatch(/^[A-Z].{20,}\.$/);
  });
});

describe('generated files', () => {
  it('are fresh', () => {
    expect(staleFiles()).toEqual([]);
  });

  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  const validate = ajv.compile(JSON.parse(generatedFiles()['config/weir.schema.json'] as string));

  it.each([
    ['the shipped file', shipped],
    ['nothing', '{}'],
    ['an empty section', 'redis:\nlimits: {media: }'],
    ['an empty group', 'line:\n  costs:\n  # /v1/media: 2'],
    ['names and paths', 'line: {bestUrgency: {names: {otp: 0}}, costs: {POST /v1/media: 5}}'],
    ['a secret', 'auth: {apiKey: twelve-chars, adminPassword: Passw0rd!}'],
  ])('the JSON schema takes %s', (_, yaml) => {
    expect([validate(parse(yaml)), validate.errors]).toEqual([true, null]);
    expect(problems(load(yaml))).toEqual([]);
  });

  it.each([
    'lisen: {}',
    'listen: {prot: 1}',
    'listen: {port: "80"}',
    'listen: {port: 65536}',
    'listen: {host: "a b"}',
    'limits: {mesages: {}}',
    'limits: {messages: {rate: -5}}',
    'limits: {stats: {burst: 1.5}}',
    'auth: {apiKey: elevenchars}',
    'auth: {adminPassword: short}',
    'coreapp: {url: "http://core/v1"}',
    'redis: {url: "http://redis"}',
    'http: {trustedProxies: [x]}',
    'log: {level: loud}',
    'line: {bestUrgency: {names: {otp: 8}}}',
    'line: {costs: {/v1/media: 101}}',
    'line: {costs: {media: 2}}',
    'stop: 5',
    '[]',
  ])('the JSON schema refuses %s, and so does Weir', (yaml) => {
    expect(validate(parse(yaml))).toBe(false);
    expect(problems(load(yaml))).toHaveLength(1);
  });
});
