/** What the chart refuses before anything is made, with words that name the value; and what the tests themselves would notice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chart, type Manifest, podsOf, rendered, template } from './support/chart/manifests.ts';
import { securityFaults } from './support/chart/security.ts';
import { offences } from './support/chart/server-rules.ts';
import { valueSet } from './support/chart/sets.ts';
import { type HelmName, helmNames, installTools, toolsMissing } from './support/chart/tools.ts';
import { typeFaults } from './support/chart/types.ts';

const threeValues = ['coreapp.url=https://coreapp:9090', 'redis.existingSecret=r', 'auth.existingSecret=a'];
const set = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);

/** What helm says of values on top of the three, without its own head line. */
function refusal(name: HelmName, values: readonly string[], base = threeValues): string {
  const said = template(name, set([...base, ...values]));
  expect(said.ok, `${values} is taken`).toBe(false);
  return said.stderr;
}

describe.skipIf(toolsMissing !== null)('the chart refuses', () => {
  beforeAll(installTools);

  describe('by its schema, with the value’s place and what is wrong', () => {
    it.each([
      ['coreapp.url=coreapp:9090', /coreapp[./]url.*does not match pattern.*https\?/i],
      ['coreapp.url=https://coreapp:9090/v1', /coreapp[./]url.*does not match pattern/i],
      ['coreap.url=https://coreapp:9090', /additional propert.*coreap/i],
      ['redis.existingSecret=Weir_Redis', /redis[./]existingSecret.*does not match pattern/i],
      ['redis.url=http://redis', /redis[./]url.*does not match pattern.*rediss\?/i],
      ['auth.apiKey=short', /auth[./]apiKey.*does not match pattern.*12,128/i],
      ['auth.apikey=monitoring-key', /auth.*additional propert.*apikey/i],
      ['image.pullPolicy=always', /image[./]pullPolicy.*Always.*IfNotPresent.*Never/i],
      ['image.tag=a tag', /image[./]tag.*does not match pattern/i],
      ['image.digest=e3b0c442', /image[./]digest.*does not match pattern.*sha256/i],
      ['replicaCount=two', /replicaCount.*(expected|want).*integer/i],
      ['replicaCount=2.5', /replicaCount.*(expected|want).*integer/i],
      ['replicaCount=-1', /replicaCount.*(minimum|greater than or equal).*0/i],
      ['resources.limits.memory=2GB', /resources[./]limits[./]memory.*does not match pattern/i],
      ['tmp.sizeLimit=much', /tmp[./]sizeLimit.*does not match pattern/i],
      ['service.type=ExternalName', /service[./]type.*ClusterIP.*NodePort.*LoadBalancer/i],
      ['profile=onprem', /profile.*coreapp.*cloud.*none/i],
      ['redis.host=redis_master', /redis[./]host.*does not match pattern/i],
      ['redis.port=0', /redis[./]port.*(minimum|greater than or equal).*1/i],
      ['terminationGracePeriodSeconds=soon', /terminationGracePeriodSeconds.*(expected: integer|want integer)/i],
      ['updateStrategy.type=OnDelete', /updateStrategy[./]type.*RollingUpdate.*Recreate/i],
      ['probes.liveness.failureThreshold=0', /failureThreshold.*(minimum|greater than or equal).*1/i],
      ['probes.readiness.httpGet.path=/', /probes[./]readiness.*additional propert.*httpGet/i],
      ['service.loadBalancerSourceRanges={10.0.0.1}', /loadBalancerSourceRanges[./]0.*does not match pattern/i],
      ['service.ipFamilies={IPv5}', /ipFamilies[./]0.*IPv4.*IPv6/i],
      ['extraContainers[0].name=x', /extraContainers[./]0.*image/i],
      ['hostAliases[0].ip=10.0.0.1', /hostAliases[./]0.*hostnames/i],
      ['dnsPolicy=Cluster', /dnsPolicy.*ClusterFirst/i],
      ['lifecycle.prestop.sleep.seconds=5', /lifecycle.*additional propert.*prestop/i],
      ['ingress.hosts[0].paths={/}', /ingress[./]hosts[./]0.*host/i],
      ['ingress.annotationsFor=envoy', /annotationsFor.*nginx.*haproxy.*traefik/i],
      ['ingress.pathType=Regex', /ingress[./]pathType.*Prefix.*Exact/i],
      ['serviceMonitor.scrapeTimeout=10x', /scrapeTimeout.*does not match pattern/i],
      ['prometheusRule.thresholds.lineRatio=80', /lineRatio.*(maximum|less than or equal).*1/i],
      ['prometheusRule.runbookBaseUrl=docs', /runbookBaseUrl.*does not match pattern/i],
      ['podDisruptionBudget.minAvailable=most', /minAvailable.*does not match pattern/i],
      ['autoscaling.behavior.scaledown.x=1', /autoscaling[./]behavior.*additional propert.*scaledown/i],
      ['service.port=0', /service[./]port.*(minimum|greater than or equal).*1/i],
      ['ingress.enabled=yes', /ingress[./]enabled.*(expected: boolean|want boolean)/i],
      ['ingress.hosts={weir_example}', /ingress[./]hosts[./]0.*does not match pattern/i],
      ['httpRoute.timeout=90x', /httpRoute[./]timeout.*does not match pattern/i],
      ['httpRoute.parentRefs[0].namespace=gateways', /httpRoute[./]parentRefs[./]0.*name/i],
      ['autoscaling.cpuAverage=70%', /autoscaling[./]cpuAverage.*does not match pattern/i],
      ['podDisruptionBudget.maxUnavailable=half', /podDisruptionBudget[./]maxUnavailable.*does not match pattern/i],
      ['networkPolicy.callers[0].pods=all', /networkPolicy[./]callers[./]0.*additional propert.*pods/i],
      ['serviceMonitor.interval=often', /serviceMonitor[./]interval.*does not match pattern/i],
      ['commonLabels.team=a team', /commonLabels[./]team.*does not match pattern/i],
      ['fullnameOverride=1-weir', /fullnameOverride.*does not match pattern/i],
      ['mode=daemonset', /mode.*deployment.*sidecar/i],
      ['securityContext.readonlyRootFilesystem=true', /securityContext.*additional propert.*readonlyRootFilesystem/i],
      ['config.limits.mesages.rate=20', /config[./]limits[./]mesages.*(match is required|missing propert.*match)/i],
      [
        'config.limits.messages.rate=0',
        /config[./]limits[./]messages[./]rate.*(minimum|greater than or equal).*0\.001/i,
      ],
      [
        'config.limits.messages.holdMaxMs=30s',
        /config[./]limits[./]messages[./]holdMaxMs.*(expected: integer|want integer)/i,
      ],
      [
        'config.limits.messages.scope=caller',
        /config[./]limits[./]messages[./]scope.*does not match pattern.*principal/i,
      ],
      ['config.log.level=loud', /config[./]log[./]level.*fatal.*silent/i],
      ['config.stop.graceMs=3600001', /config[./]stop[./]graceMs.*(maximum|less than or equal).*3.?6/i],
    ])('%s', (value, words) => {
      for (const name of helmNames) expect(refusal(name, [value]).replaceAll('\n', ' '), name).toMatch(words);
    });
  });

  describe('by its templates, where values contradict one another', () => {
    const trial = ['coreapp.url=https://coreapp:9090'];
    it.each<[string, readonly string[], string, string[]?]>([
      [
        'no Coreapp',
        [],
        "coreapp.url is missing: give the Coreapp's origin, such as https://coreapp:9090",
        threeValues.slice(1),
      ],
      [
        'two replicas without Redis',
        ['auth.existingSecret=a'],
        'replicaCount 2 needs a Redis that all replicas share',
        trial,
      ],
      [
        'autoscaling without Redis',
        ['auth.existingSecret=a', 'replicaCount=1', 'autoscaling.enabled=true'],
        'autoscaling.enabled true needs a Redis',
        trial,
      ],
      [
        'nobody who may log in',
        ['redis.existingSecret=r'],
        "auth.existingSecret is missing: name a Secret with the admin's password (key admin-password) and the API key",
        trial,
      ],
      [
        'a URL next to a Secret',
        ['redis.url=redis://redis'],
        'redis.url next to redis.existingSecret: give one of them',
      ],
      [
        'a host next to a Secret with a URL',
        ['redis.host=redis-master'],
        'redis.host next to redis.existingSecret: give one of them',
      ],
      [
        'a password for a URL',
        ['redis.passwordSecret=redis'],
        'redis.passwordSecret without redis.host: with a URL the login is part of it',
      ],
      [
        'a user without a password',
        ['auth.existingSecret=a', 'redis.host=r', 'redis.username=weir'],
        'redis.username without redis.passwordSecret',
        trial,
      ],
      ['TLS for a URL', ['redis.tls.enabled=true'], 'redis.tls.enabled without redis.host'],
      ['workers without Redis', ['workers=2'], 'workers 2 needs a Redis that all workers share', trial],
      [
        'as many workers as the node has cores',
        ['workers=auto', 'redis.host=r'],
        'workers auto without resources.limits.cpu would be as many as the node has cores',
        trial,
      ],
      [
        'two profiles',
        ['profile=none', 'config.profile=cloud'],
        'profile none next to config.profile cloud: give one of them',
      ],
      [
        'a kill before a stop may be over',
        ['terminationGracePeriodSeconds=45'],
        'terminationGracePeriodSeconds 45 is too short: a stop may take 45 s',
      ],
      [
        'a kill while a preStop sleeps',
        ['terminationGracePeriodSeconds=60', 'lifecycle.preStop.sleep.seconds=20'],
        'terminationGracePeriodSeconds 60 is too short: a stop may take 65 s',
      ],
      [
        'a kill before those who wait longest are served',
        ['terminationGracePeriodSeconds=60', 'config.limits.messages.holdMaxMs=90000'],
        'Give at least 106, or lower those',
      ],
      [
        'two Pods side by side without Redis',
        ['auth.existingSecret=a', 'replicaCount=1', 'updateStrategy.type=RollingUpdate'],
        'updateStrategy.type RollingUpdate without a Redis',
        trial,
      ],
      [
        'another autoscaler without Redis',
        ['auth.existingSecret=a', 'replicaCount=null'],
        'replicaCount null needs a Redis',
        trial,
      ],
      ['no name server', ['dnsPolicy=None'], 'dnsPolicy None without dnsConfig.nameservers'],
      [
        'a budget that lets no Pod go',
        ['podDisruptionBudget.minAvailable=2'],
        'podDisruptionBudget.minAvailable 2 of 2 Pods: no node could be drained',
      ],
      [
        'a load balancer’s field of another Service',
        ['service.loadBalancerClass=x'],
        'service.loadBalancerClass with service.type ClusterIP: only a LoadBalancer has it',
      ],
      ['a node’s port of no node', ['service.nodePort=30000'], 'service.nodePort with service.type ClusterIP'],
      [
        'a scrape that takes longer than its interval',
        ['serviceMonitor.interval=30s', 'serviceMonitor.scrapeTimeout=1m'],
        'serviceMonitor.scrapeTimeout 1m is longer than serviceMonitor.interval 30s',
      ],
      [
        'an alert that there is not',
        ['prometheusRule.disabled={WeirUp}'],
        'prometheusRule.disabled: there is no alert WeirUp',
      ],
      [
        'a container for another chart’s Pod',
        ['mode=sidecar', 'sidecar.podLabels.app=x', 'extraContainers[0].name=y', 'extraContainers[0].image=z'],
        'extraContainers with mode sidecar',
      ],
      [
        'a password next to a Secret',
        ['auth.adminPassword=Weir-2026!'],
        'auth.adminPassword next to auth.existingSecret: give one of them',
      ],
      [
        'a key without a name',
        ['redis.existingSecret=r', 'auth.adminPassword=Weir-2026!', 'auth.apiKey=monitoring-key', 'auth.apiKeyKey='],
        'auth.apiKey next to an empty auth.apiKeyKey: give the key a name',
        trial,
      ],
      [
        'a Coreapp named twice',
        ['config.coreapp.url=http://other'],
        'config.coreapp.url is not allowed: give coreapp.url',
      ],
      [
        'a secret in the configuration',
        ['config.redis.url=redis://u:p@redis'],
        'config.redis.url is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in redis.existingSecret',
      ],
      [
        'a key in the configuration',
        ['config.auth.apiKey=monitoring-key'],
        'config.auth.apiKey is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in auth.existingSecret',
      ],
      [
        'a credential in the configuration',
        ['config.coreapp.authorization=Bearer x'],
        'config.coreapp.authorization is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in coreapp.existingSecret',
      ],
      [
        'a file next to a Secret',
        ['tls.existingSecret=t', 'config.listen.tls.keyFile=k'],
        'config.listen.tls.keyFile next to tls.existingSecret: give one of them',
      ],
      [
        'one port for both',
        ['config.listen.port=9464'],
        'config.listen.port and config.ops.port are both 9464: give two ports',
      ],
      [
        'a port that nobody knows',
        ['config.ops.port=0'],
        'config.ops.port 0 is not allowed: a Service has to know the port',
      ],
      [
        'an address that nobody reaches',
        ['config.listen.host=127.0.0.1'],
        'config.listen.host "127.0.0.1" is not allowed: give 0.0.0.0 or ::',
      ],
      [
        'fewest above most',
        ['autoscaling.enabled=true', 'autoscaling.minReplicas=9'],
        'autoscaling.minReplicas 9 is more than autoscaling.maxReplicas 6',
      ],
      [
        'scraped twice',
        ['serviceMonitor.enabled=true', 'podMonitor.enabled=true'],
        'serviceMonitor.enabled next to podMonitor.enabled: everything would be scraped twice',
      ],
      [
        'an Ingress for no host',
        ['ingress.enabled=true'],
        'ingress.hosts is empty: give host names, such as [weir.example.com]',
      ],
      ['a route of no Gateway', ['httpRoute.enabled=true'], 'httpRoute.parentRefs is empty: name a Gateway'],
      [
        'Traefik’s fields for another controller',
        ['ingress.serversTransport.serverName=weir'],
        'ingress.serversTransport without ingress.annotationsFor traefik',
      ],
      [
        'times that follow the configuration',
        ['ingress.annotationsFor=traefik', 'ingress.serversTransport.forwardingTimeouts.dialTimeout=1s'],
        'ingress.serversTransport.forwardingTimeouts is not allowed',
      ],
      ['a sidecar of no Pod', ['mode=sidecar'], 'sidecar.podLabels is missing: give labels that select the Pods'],
      [
        'a policy for another’s Pod',
        ['mode=sidecar', 'sidecar.podLabels.app=x', 'networkPolicy.enabled=true'],
        'networkPolicy.enabled with mode sidecar',
      ],
    ])('%s', (_, values, words, base = threeValues) => {
      for (const name of helmNames) expect(refusal(name, values, base)).toContain(words);
    });

    it('and tells all of it at once', () => {
      const said = refusal('helm 4', ['serviceMonitor.enabled=true', 'podMonitor.enabled=true'], []);
      expect(said).toMatch(/coreapp\.url.*\n.*replicaCount 2.*\n.*auth\.existingSecret.*\n.*scraped twice/);
    });

    it('without repeating a secret', () => {
      expect(refusal('helm 3', ['config.redis.url=redis://u:hunter2@redis'])).not.toContain('hunter2');
    });
  });
});

describe.skipIf(toolsMissing !== null)('the chart’s schema', () => {
  const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema;
  const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Record<string, unknown>;

  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly additionalProperties?: unknown;
  }

  it('knows nothing that values.yaml doesn’t have, and no level lets unknown names pass', () => {
    const { global: _, ...known } = schema.properties as Record<string, Schema>;
    expect(Object.keys(known).toSorted()).toEqual(Object.keys(values).toSorted());
    const open = (place: Schema, path: string): string[] => [
      ...(place.properties !== undefined && place.additionalProperties !== false ? [path] : []),
      ...Object.entries(place.properties ?? {}).flatMap(([name, child]) => open(child, `${path}.${name}`)),
    ];
    // A class may have any name, and what it may say is closed as well.
    expect(open(schema, '')).toEqual(['.config.limits']);
  });
});

/** The tests of the chart are only as good as what they would notice: each of these is a manifest made wrong on purpose. */
describe.skipIf(toolsMissing !== null)('what the tests of the chart would notice', () => {
  // biome-ignore lint/suspicious/noExplicitAny: it is broken on purpose
  type Broken = any;
  let good: (name: string) => Manifest[];
  beforeAll(async () => {
    await installTools();
    good = (name) => rendered('helm 3', valueSet(name).args);
  });
  const broken = (name: string, kind: string, breakIt: (manifest: Broken) => void): Manifest[] => {
    const manifests = good(name);
    breakIt(manifests.find((manifest) => manifest.kind === kind));
    return manifests;
  };
  const container = (deployment: Broken): Broken => deployment.spec.template.spec.containers[0];

  it.each<[string, string, string, (manifest: Broken) => void, RegExp]>([
    [
      'an unknown field',
      'three-values',
      'Deployment',
      (m) => Object.assign(container(m), { port: [] }),
      /"port"' does not exist/,
    ],
    ['a wrong type', 'three-values', 'Deployment', (m) => Object.assign(m.spec, { replicas: '2' }), /replicas|string/],
    ['a missing field', 'three-values', 'Deployment', (m) => delete m.spec.selector, /selector/],
    ['a wrong word', 'load-balancer', 'Service', (m) => Object.assign(m.spec.ports[0], { protocol: 'HTTP' }), /HTTP/],
    [
      'an unknown field of a ServiceMonitor',
      'monitored',
      'ServiceMonitor',
      (m) => Object.assign(m.spec, { endpoint: 1 }),
      /"endpoint"' does not exist/,
    ],
    [
      'a wrong type in a PodMonitor',
      'pod-monitored',
      'PodMonitor',
      (m) => Object.assign(m.spec.podMetricsEndpoints[0], { port: 1 }),
      /port|number/,
    ],
    [
      'an unknown field of an HTTPRoute',
      'gateway',
      'HTTPRoute',
      (m) => Object.assign(m.spec.rules[0], { timeout: '1s' }),
      /"timeout"' does not exist/,
    ],
    [
      'an unknown field of a ScaledObject',
      'keda',
      'ScaledObject',
      (m) => Object.assign(m.spec, { minReplicas: 1 }),
      /"minReplicas"' does not exist/,
    ],
    [
      'a kind that there is not',
      'gateway',
      'HTTPRoute',
      (m) => Object.assign(m, { kind: 'HttpRoute' }),
      /no kind HttpRoute/,
    ],
  ])('by types: %s', async (_, name, kind, breakIt, words) => {
    expect((await typeFaults({ broken: broken(name, kind, breakIt) })).join('\n')).toMatch(words);
  });

  it.each<[string, string, string, (manifest: Broken) => void, RegExp]>([
    [
      'a port name of 16',
      'three-values',
      'Service',
      (m) => Object.assign(m.spec.ports[0], { name: 'abcdefghijklmnop' }),
      /port name/,
    ],
    [
      'a target that no container has',
      'three-values',
      'Service',
      (m) => Object.assign(m.spec.ports[0], { targetPort: 'http' }),
      /no container has/,
    ],
    [
      'a Service that selects nothing',
      'three-values',
      'Service',
      (m) => Object.assign(m.spec.selector, { app: 'x' }),
      /selects 0/,
    ],
    [
      'a Deployment that selects another’s Pods',
      'three-values',
      'Deployment',
      (m) => Object.assign(m.spec.selector.matchLabels, { app: 'x' }),
      /selects 0/,
    ],
    [
      'a budget for no Pod',
      'three-values',
      'PodDisruptionBudget',
      (m) => Object.assign(m.spec.selector.matchLabels, { app: 'x' }),
      /selects 0/,
    ],
    [
      'a ConfigMap that isn’t there',
      'three-values',
      'ConfigMap',
      (m) => Object.assign(m.metadata, { name: 'x' }),
      /no ConfigMap weir/,
    ],
    [
      'an account that isn’t there',
      'three-values',
      'ServiceAccount',
      (m) => Object.assign(m.metadata, { name: 'x' }),
      /no ServiceAccount weir/,
    ],
    [
      'a Secret that nobody named',
      'three-values',
      'Deployment',
      (m) => Object.assign(m.spec.template.spec.volumes[2].secret, { secretName: 'x' }),
      /no Secret x/,
    ],
    [
      'a probe of no port',
      'three-values',
      'Deployment',
      (m) => Object.assign(container(m).livenessProbe.httpGet, { port: 'x' }),
      /livenessProbe/,
    ],
    [
      'a file where nothing is mounted',
      'three-values',
      'Deployment',
      (m) => container(m).volumeMounts.pop(),
      /nothing is mounted/,
    ],
    [
      'a label that is too long',
      'three-values',
      'ConfigMap',
      (m) => Object.assign(m.metadata.labels, { x: 'a'.repeat(64) }),
      /the label x/,
    ],
    [
      'a Service with a digit in front',
      'three-values',
      'Service',
      (m) => Object.assign(m.metadata, { name: '1weir' }),
      /the name 1weir/,
    ],
    [
      'a monitor of a port that isn’t there',
      'monitored',
      'ServiceMonitor',
      (m) => Object.assign(m.spec.endpoints[0], { port: 'metrics' }),
      /scrapes/,
    ],
    [
      'an Ingress that leads nowhere',
      'ingress-nginx',
      'Ingress',
      (m) => Object.assign(m.spec.rules[0].http.paths[0].backend.service, { name: 'x' }),
      /leads to x/,
    ],
    [
      'another autoscaler of nothing',
      'keda',
      'ScaledObject',
      (m) => Object.assign(m.spec.scaleTargetRef, { name: 'x' }),
      /no Deployment x/,
    ],
    [
      'variables of a Secret that nobody named',
      'pods',
      'Deployment',
      (m) => Object.assign(container(m).envFrom[1].secretRef, { name: 'x' }),
      /no Secret x/,
    ],
    [
      'an autoscaler of nothing',
      'autoscaling',
      'HorizontalPodAutoscaler',
      (m) => Object.assign(m.spec.scaleTargetRef, { name: 'x' }),
      /no Deployment x/,
    ],
  ])('by a server’s rules: %s', (_, name, kind, breakIt, words) => {
    expect(offences(broken(name, kind, breakIt), valueSet(name).texts).join('\n')).toMatch(words);
  });

  it.each<[string, (manifest: Broken) => void, RegExp]>([
    ['root', (m) => Object.assign(m.spec.template.spec.securityContext, { runAsUser: 0 }), /runs as root/],
    ['maybe root', (m) => delete m.spec.template.spec.securityContext.runAsNonRoot, /may run as root/],
    ['capabilities', (m) => delete container(m).securityContext.capabilities, /keeps capabilities/],
    ['privileges', (m) => delete container(m).securityContext.allowPrivilegeEscalation, /may gain privileges/],
    ['the node’s network', (m) => Object.assign(m.spec.template.spec, { hostNetwork: true }), /hostNetwork/],
    [
      'the node’s files',
      (m) => m.spec.template.spec.volumes.push({ name: 'x', hostPath: { path: '/' } }),
      /not allowed/,
    ],
    ['no seccomp', (m) => delete m.spec.template.spec.securityContext.seccompProfile, /seccomp/],
    ['a token', (m) => delete m.spec.template.spec.automountServiceAccountToken, /token/],
  ])('by the restricted standard: %s', (_, breakIt, words) => {
    expect(
      podsOf(broken('three-values', 'Deployment', breakIt))
        .flatMap(securityFaults)
        .join('\n'),
    ).toMatch(words);
  });
});
