/** compose.yaml, as far as reading shows it: what it names is there, and nothing runs with more rights than it needs. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { leaves } from '../../src/config/layer.ts';
import { loadConfig } from '../../src/config/load.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(root + path, 'utf8');

interface Service {
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly restart?: string;
  readonly healthcheck?: unknown;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly stop_grace_period?: string;
}

const file = parse(read('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
};
const services = Object.entries(file.services);
const replicas = services.filter(([name]) => name.startsWith('weir-'));

describe('compose.yaml', () => {
  it('has two replicas of Weir, which differ in nothing', () => {
    expect(replicas).toHaveLength(2);
    expect(replicas[0]?.[1]).toEqual(replicas[1]?.[1]);
  });

  it.each(services)('gives %s no more than it needs, and looks after it', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    });
    expect(service.healthcheck).toBeDefined();
  });

  it.each(services)('names for %s what there is', (_, { volumes = [], secrets = [], depends_on = {} }) => {
    for (const volume of volumes) {
      const from = volume.split(':')[0] as string;
      expect(from.startsWith('./') ? existsSync(root + from) : from in file.volumes, volume).toBe(true);
    }
    for (const secret of secrets) expect(file.secrets).toHaveProperty(secret);
    for (const name of Object.keys(depends_on)) expect(file.services).toHaveProperty(name);
  });

  it.each(replicas)(
    'configures %s by variables and a file that Weir knows, and gives it the time to drain',
    (_, service) => {
      const known = new Set(['WEIR_CONFIG', ...leaves.flatMap(({ about }) => [about.env, about.envToo])]);
      const { environment = {} } = service;
      expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
      const { WEIR_CONFIG: mounted, ...others } = environment;
      const path = service.volumes?.find((volume) => volume.includes(`:${mounted}:`))?.split(':')[0] as string;
      const loaded = loadConfig({
        file: path,
        env: { ...others, COREAPP_URL: 'http://coreapp:8081', NODE_ENV: 'production' },
        readFile: (name) => ({ [path]: () => read(path) })[name]?.() ?? 'Weir-2026!-secret',
      });
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
      const { lameDuckMs, graceMs } = loaded.config.stop;
      expect(1_000 * Number.parseInt(service.stop_grace_period ?? '', 10)).toBeGreaterThan(
        lameDuckMs + graceMs + 1_000,
      );
    },
  );

  it('has Prometheus scrape, and the balancer serve, every replica', () => {
    for (const [name] of replicas) {
      expect(read('compose/prometheus.yml')).toContain(`${name}:9464`);
      expect(read('compose/haproxy.cfg')).toMatch(new RegExp(`^ *server ${name} ${name}:8080$`, 'm'));
    }
  });
});
