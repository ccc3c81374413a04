/**
 * The chart: what helm 3 and helm 4 make of it is what a strict server takes, what the restricted Pod Security Standard
 * allows, and what Weir itself starts with. The value sets are helm/ci/*.yaml.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from '../support/files.ts';
import { startProcess } from '../support/processes.ts';
import { startSimulatorProcess, startWeir } from '../support/weir.ts';
import { exampleIn } from './support/chart/example.ts';
import {
  chart,
  configOf,
  type Manifest,
  matches,
  ofKind,
  one,
  podsOf,
  rendered,
  template,
} from './support/chart/manifests.ts';
import { mounted } from './support/chart/mounted.ts';
import { securityFaults } from './support/chart/security.ts';
import { offences } from './support/chart/server-rules.ts';
import { type ValueSet, valueSet, valueSets } from './support/chart/sets.ts';
import { helm, helmNames, installTools, toolsMissing } from './support/chart/tools.ts';
import { typeFaults } from './support/chart/types.ts';

if (toolsMissing !== null) console.log(`weir: SKIPPED: the chart is not tested: ${toolsMissing}.`);

const threeValues = [
  'coreapp.url=https://coreapp:9090',
  'redis.existingSecret=weir-redis',
  'auth.existingSecret=weir-auth',
];
const set = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);
/** The rules as the chart makes them: alerts lead to the ops port. */
function withRunbook(rules: { readonly groups: readonly { readonly rules: readonly Any[] }[] }, page: string): unknown {
  for (const { annotations } of rules.groups.flatMap((group) => group.rules)) {
    if (annotations) annotations.runbook_url = annotations.runbook_url.replace(/^[^#]*/, page);
  }
  return rules;
}
/** With the three values, and more. */
const made = (...more: string[]): Manifest[] => rendered('helm 3', set([...threeValues, ...more]));
// biome-ignore lint/suspicious/noExplicitAny: the types of the operator have judged it (types.ts)
type Any = any;
const kindsOf = (manifests: readonly Manifest[]): string[] =>
  [...new Set(manifests.map(({ kind }) => kind))].toSorted();

describe.skipIf(toolsMissing !== null)('the chart', () => {
  const bySet = new Map<string, readonly Manifest[]>();
  const of = ({ name }: ValueSet): readonly Manifest[] => bySet.get(name) as readonly Manifest[];
  const folder = temporaryFolder(afterAll);

  beforeAll(async () => {
    await installTools();
    for (const each of valueSets) bySet.set(each.name, rendered('helm 3', each.args));
  });

  describe.each(valueSets)('$about', (each) => {
    it('has nothing that lint objects to', () => {
      for (const name of helmNames) {
        const said = helm(name, ['lint', '--strict', chart, ...each.args]);
        expect(said.ok, said.stdout + said.stderr).toBe(true);
      }
    });

    it('comes out of helm 3 and helm 4 alike', () => {
      expect(rendered('helm 4', each.args)).toEqual(of(each));
    });

    it('keeps the rules that only a server would know', () => {
      expect(offences(of(each), each.texts)).toEqual([]);
    });

    it('has Pods that the restricted standard allows, on a file system that can’t be written', () => {
      const pods = podsOf(of(each));
      expect(pods.flatMap(securityFaults)).toEqual([]);
      for (const { spec } of pods) expect(spec.containers[0].securityContext.readOnlyRootFilesystem).toBe(true);
    });
  });

  describe.each(valueSets.filter(({ name }) => name !== 'sidecar'))('its own Pods: $about', (each) => {
    it('start with a configuration that `weir check` takes, and the files that are mounted', async () => {
      await using files = await mounted(of(each));
      const check = startProcess(['check'], { env: files.env });
      expect(await check.exited, check.transcript()).toEqual({ code: 0, signal: null });
    });

    it('are given all the time for a stop that Weir may take', () => {
      const { terminationGracePeriodSeconds } = one(of(each), 'Deployment').spec.template.spec;
      const config = configOf(of(each));
      const ms = (setting: string): number => Number(new RegExp(`${setting}: (\\d+)`).exec(config)?.[1]);
      expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual((ms('lameDuckMs') + ms('graceMs')) / 1_000 + 1);
    });
  });

  it('fits the types of Kubernetes, the Prometheus operator and the Gateway API, and has no field that they don’t know', async () => {
    expect(await typeFaults(Object.fromEntries(bySet))).toEqual([]);
  });

  describe('the three values alone', () => {
    it('make what production needs, and nothing that needs more than Kubernetes', () => {
      expect(kindsOf(of(valueSet('three-values')))).toEqual([
        'ConfigMap',
        'Deployment',
        'Pod', // helm test
        'PodDisruptionBudget',
        'Service',
        'ServiceAccount',
      ]);
    });

    it('roll without a Pod missing, spread over nodes and zones, without a token', () => {
      const { spec } = one(made(), 'Deployment');
      expect(spec.replicas).toBe(2);
      expect(spec.strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
      expect(spec.template.spec.topologySpreadConstraints.map((c: { topologyKey: string }) => c.topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ]);
      expect(one(made(), 'ServiceAccount').automountServiceAccountToken).toBe(false);
    });

    it('hold the whole lame-duck and grace time, and 10 s', () => {
      expect(configOf(made())).toMatch(/stop:\n\s+graceMs: 35000\n\s+lameDuckMs: 10000/);
      expect(one(made(), 'Deployment').spec.template.spec.terminationGracePeriodSeconds).toBe(55);
    });

    it('keep every secret out of environment and ConfigMap', () => {
      const texts = JSON.stringify(of(valueSet('try-out-redis')).filter(({ kind }) => kind !== 'Secret'));
      expect(texts).not.toMatch(/Weir-2026!|monitoring-key|redis:\/\//);
    });
  });

  it.each([
    ['lameDuckMs 0 is no default', ['config.stop.lameDuckMs=0'], 45],
    ['the longest hold time of any class counts', ['config.limits.media.holdMaxMs=90000'], 115],
    ['a grace that is given counts', ['config.stop.graceMs=5000'], 25],
    ['a time of an hour stays a number', ['config.stop.graceMs=3600000'], 3_620],
  ])('the time until Kubernetes kills: %s', (_, values, seconds) => {
    expect(one(made(...values), 'Deployment').spec.template.spec.terminationGracePeriodSeconds).toBe(seconds);
  });

  it.each(['config', 'config.stop', 'config.limits', 'podSecurityContext', 'securityContext', 'resources'])(
    '%s may be emptied with null',
    (value) => {
      for (const name of helmNames) expect(template(name, set([...threeValues, `${value}=null`])).stderr).toBe('');
    },
  );

  it('has the version of the package, and so does its image', () => {
    const { version } = JSON.parse(readFileSync(join(chart, '../package.json'), 'utf8')) as { version: string };
    const { appVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as { appVersion: string };
    expect(appVersion).toBe(version);
    expect(one(made(), 'Deployment').spec.template.spec.containers[0].image).toBe(`weir:${version}`);
  });

  it('without Redis no second Pod ever stands beside the first', () => {
    const { spec } = one(of(valueSet('try-out')), 'Deployment');
    expect([spec.replicas, spec.strategy]).toEqual([1, { type: 'Recreate' }]);
  });

  it('an autoscaled Deployment says nothing of replicas, and scales by CPU of one core', () => {
    expect(one(of(valueSet('autoscaling')), 'Deployment').spec.replicas).toBeUndefined();
    expect(one(of(valueSet('autoscaling')), 'HorizontalPodAutoscaler').spec.metrics[0]).toEqual({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '700m' } },
    });
  });

  it('what needs a restart rolls the Pods; the rest does not, and neither does another version of the chart', async () => {
    const annotations = (manifests: readonly Manifest[]) =>
      one(manifests, 'Deployment').spec.template.metadata.annotations;
    expect(annotations(made())).toEqual(annotations(made()));
    const rate = 'config.limits.messages.rate=20';
    expect(annotations(made(rate))).toEqual(annotations(made()));
    expect(annotations(made(rate, 'rollOnConfigChange=true'))).not.toEqual(
      annotations(made('rollOnConfigChange=true')),
    );
    for (const one of ['config.profile=none', 'config.redis.keyPrefix=w:', 'config.ops.port=9999'])
      expect([one, annotations(made(one))]).not.toEqual([one, annotations(made())]);
    for (const one of ['config.redis.callTimeoutMs=60', 'config.ops.figuresMaxAgeMs=0', 'config.bodies.folder=/b'])
      expect([one, annotations(made(one))]).toEqual([one, annotations(made())]);
    const given = (host: string) =>
      annotations(rendered('helm 3', [...valueSet('try-out-redis').args, ...set([`redis.url=redis://${host}`])]));
    expect(given('one')).not.toEqual(given('two'));
    const next = join(folder, 'next');
    await cp(chart, next, { recursive: true });
    const about = helm('helm 3', ['show', 'chart', chart]).stdout;
    await writeFile(join(next, 'Chart.yaml'), about.replace(/^version: .*/m, 'version: 9.9.9'));
    expect(one(rendered('helm 3', set(threeValues), next), 'Deployment').spec.template).toEqual(
      one(made(), 'Deployment').spec.template,
    );
  });

  it('no load balancer and no node ever has the ops port', () => {
    const services = ofKind(of(valueSet('load-balancer')), 'Service');
    const open = services.filter(({ spec }) => spec.type !== undefined && spec.type !== 'ClusterIP');
    expect(open.map(({ metadata }) => metadata.name)).toEqual(['weir']);
    expect(open[0]?.spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort)).toEqual(['weir-http']);
    expect(services.find(({ metadata }) => metadata.name === 'weir-ops')?.spec.clusterIP).toBe('None');
  });

  it('the Prometheus operator gets the rules as promtool reads them, Grafana the dashboard, and metrics a job that both know', () => {
    const monitored = of(valueSet('monitored'));
    const file = (name: string): string => readFileSync(join(chart, 'files', name), 'utf8');
    expect(one(monitored, 'PrometheusRule').spec).toEqual(
      withRunbook(parse(file('rules.yaml')), 'http://weir-ops.messaging:9464/runbook'),
    );
    const { data } = one(monitored, 'ConfigMap', 'weir-dashboard');
    expect(JSON.parse(data?.['dashboard.json'] ?? '')).toEqual(JSON.parse(file('dashboard.json')));
    expect(one(monitored, 'ServiceMonitor').spec.endpoints[0].relabelings[0]).toEqual({
      targetLabel: 'job',
      replacement: 'weir',
    });
    const named = rendered('helm 3', [...valueSet('pod-monitored').args, ...set(['fullnameOverride=gate'])]);
    expect(one(named, 'PodMonitor').spec.podMetricsEndpoints[0].relabelings[0].replacement).toBe('weir-gate');
  });

  it('the network policy lets in and out who is named, on the ports that the other values say', () => {
    const { ingress, egress } = one(of(valueSet('network-policy')), 'NetworkPolicy').spec;
    expect(ingress.map((rule: { ports: { port: string }[] }) => rule.ports[0]?.port)).toEqual([
      'weir-http',
      'weir-ops',
    ]);
    expect(ingress[0].from).toHaveLength(3); // helm test, a namespace, a network
    expect(egress.map((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port))).toEqual([
      [53, 53],
      [9090],
      [6380],
      [443],
    ]);
    const open = one(of(valueSet('configuration')), 'NetworkPolicy').spec;
    expect(open.ingress[0].from).toBeUndefined();
    expect(open.egress.at(-1)).toEqual({ ports: [{ port: 8443 }] }); // The identity provider's.
  });

  it('a secret that is missing is a line at the start, and the Pod doesn’t wait for it in silence', async () => {
    const manifests = of(valueSet('three-values'));
    const { volumes } = one(manifests, 'Deployment').spec.template.spec;
    const secrets = volumes.filter((volume: { secret?: object }) => volume.secret !== undefined);
    expect(secrets.map(({ secret }: { secret: { optional: boolean } }) => secret.optional)).toEqual([true, true]);
    await using files = await mounted(manifests, ['REDIS_URL_FILE']);
    const weir = startProcess(['serve'], { env: files.env });
    expect(await weir.exited).toEqual({ code: 1, signal: null });
    expect(weir.stderr).toEqual([
      `REDIS_URL_FILE: "${files.folder}/etc/weir/secrets/redis/redis-url" cannot be read (no such file); give the path of a readable file`,
    ]);
  });

  it('the package has what is needed to install, and renders the same', () => {
    for (const name of helmNames) {
      const said = helm(name, ['package', chart, '--destination', folder]);
      expect(said.ok, said.stderr).toBe(true);
      const archive = join(folder, 'weir-0.1.0.tgz');
      const files = spawnSync('tar', ['tzf', archive], { encoding: 'utf8' }).stdout.split('\n');
      expect(files).toEqual(
        expect.arrayContaining(['weir/values.schema.json', 'weir/README.md', 'weir/files/rules.yaml']),
      );
      expect(files.filter((file) => /^weir\/(ci|examples)\//.test(file))).toEqual([]);
      expect(rendered(name, set(threeValues), archive)).toEqual(made());
    }
  });

  it('the notes warn of secrets in the release, of the first password, and of memory that is too little', async () => {
    // Only a cluster shows notes, so they are rendered as a manifest's text.
    const shown = join(folder, 'shown');
    await cp(chart, shown, { recursive: true });
    await cp(join(chart, 'templates/NOTES.txt'), join(shown, 'files/notes.txt'));
    await writeFile(
      join(shown, 'templates/shown.yaml'),
      'apiVersion: v1\nkind: Notes\nmetadata: {name: notes}\ndata: {notes: {{ tpl (.Files.Get "files/notes.txt") . | toJson }}}\n',
    );
    const notes = (args: readonly string[]): string =>
      one(rendered('helm 3', args, shown), 'Notes').data?.['notes'] as string;
    expect(notes(set(threeValues))).not.toMatch(/WARNING/);
    expect(notes(set(threeValues))).toMatch(
      '--selector app.kubernetes.io/component=proxy,app.kubernetes.io/instance=weir',
    );
    expect(notes(valueSet('try-out').args)).toMatch(/secrets stand in this release's values/);
    expect(notes(valueSet('no-admin-password').args)).toMatch(/"secret" until somebody's first login/);
    expect(notes([...set(threeValues), ...set(['resources.limits.memory=512Mi'])])).toMatch(
      /\(512Mi\) is less than .* 881Mi/s,
    );
    expect(notes(valueSet('configuration').args)).not.toMatch(/WARNING/);
  });

  describe('helm test', () => {
    const run = (env: Readonly<Record<string, string>>, ...values: string[]) => {
      const [container] = one(made(...values), 'Pod').spec.containers;
      const [command, ...args] = [...container.command, ...container.args] as [string, ...string[]];
      expect(command).toBe('node');
      return spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    };

    it('says yes to a Weir that serves, and no to anything else', async () => {
      await using simulator = await startSimulatorProcess();
      await using weir = await startWeir({ COREAPP_URL: simulator.url });
      const good = run({ MAIN: weir.url, OPS: weir.opsUrl });
      expect(good.stdout, good.stderr).toBe('ready: ok\nmetrics: ok\na stranger is refused: ok\n');
      expect(run({ MAIN: simulator.url, OPS: weir.opsUrl }).status).toBe(1);
      expect(run({ MAIN: weir.url, OPS: simulator.url }).status).toBe(1);
    });

    it('knows how each profile refuses a stranger, and asks the upstream nothing where nobody is refused', async () => {
      await using simulator = await startSimulatorProcess();
      await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_PROFILE: 'none' });
      const env = { MAIN: weir.url, OPS: weir.opsUrl };
      expect([run(env, 'profile=none').status, run(env).status]).toEqual([0, 1]);
      const open = one(made('profile=none', 'config.auth.open=true'), 'Pod').spec.containers[0].env;
      expect(open.map(({ name }: { name: string }) => name)).toEqual(['OPS']);
    });

    it('asks through the Services', () => {
      const env = Object.fromEntries(
        one(made(), 'Pod').spec.containers[0].env.map((each: { name: string; value: string }) => [
          each.name,
          each.value,
        ]),
      );
      expect(env).toEqual({ MAIN: 'http://weir:8080', OPS: 'http://weir-ops:9464' });
    });
  });

  describe('the sidecar form', () => {
    const example: Record<string, Manifest[]> = {};
    let path = '';

    beforeAll(async () => {
      for (const name of helmNames) {
        path = await exampleIn(folder, name);
        example[name] = rendered(name, [], path);
      }
    });

    it('stands in another chart’s Deployment, and holds every rule there, too', async () => {
      const manifests = example['helm 3'] as Manifest[];
      expect(helm('helm 4', ['lint', '--strict', path]).ok).toBe(true);
      expect(example['helm 4']).toEqual(manifests);
      expect(await typeFaults({ example: manifests })).toEqual([]);
      expect(offences(manifests, new Set(['weir-redis', 'weir-auth']))).toEqual([]);
      expect(podsOf(manifests).flatMap(securityFaults)).toEqual([]);
      await using files = await mounted(manifests);
      const check = startProcess(['check'], { env: files.env });
      expect(await check.exited, check.transcript()).toEqual({ code: 0, signal: null });
    });

    it('has the Coreapp start before Weir and stop after it, with time for both', () => {
      const { spec } = one(example['helm 3'] as Manifest[], 'Deployment').spec.template;
      expect(
        spec.initContainers.map(({ name, restartPolicy }: Record<string, string>) => [name, restartPolicy]),
      ).toEqual([['coreapp', 'Always']]);
      expect(spec.containers.map(({ name }: { name: string }) => name)).toEqual(['weir']);
      expect(spec.terminationGracePeriodSeconds).toBe(55 + 30);
    });

    it('has Services that find those Pods, and none of what belongs to a Deployment of its own', () => {
      const manifests = example['helm 3'] as Manifest[];
      const { labels } = one(manifests, 'Deployment').spec.template.metadata;
      for (const { spec } of ofKind(manifests, 'Service')) expect(matches(spec.selector, labels)).toBe(true);
      expect(kindsOf(of(valueSet('sidecar')))).toEqual(['ConfigMap', 'Pod', 'PodMonitor', 'Service']);
    });

    it('has its values judged by the chart’s own schema', () => {
      for (const name of helmNames) {
        expect(template(name, ['--set', 'weir.config.limits.messages.rate=fast'], path).stderr).toMatch(/rate/);
      }
    });
  });
});
