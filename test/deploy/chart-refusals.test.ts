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
    it.each<[readonly string[], string, string[]?]>([
      [[], "coreapp.url is missing: give the Coreapp's origin, such as https://coreapp:9090", threeValues.slice(1)],
      [['auth.existingSecret=a'], 'replicaCount 2 needs a Redis that all replicas share', trial],
      [
        ['auth.existingSecret=a', 'replicaCount=1', 'autoscaling.enabled=true'],
        'autoscaling.enabled true needs a Redis',
        trial,
      ],
      [
        ['redis.existingSecret=r'],
        "auth.existingSecret is missing: name a Secret with the admin's password (key admin-password) and the API key",
        trial,
      ],
      [['redis.url=redis://redis'], 'redis.url next to redis.existingSecret: give one of them'],
      [['redis.host=redis-master'], 'redis.host next to redis.existingSecret: give one of them'],
      [['redis.passwordSecret=redis'], 'redis.passwordSecret without redis.host: with a URL the login is part of it'],
      [
        ['auth.existingSecret=a', 'redis.host=r', 'redis.username=weir'],
        'redis.username without redis.passwordSecret',
        trial,
      ],
      [['redis.tls.enabled=true'], 'redis.tls.enabled without redis.host'],
      [['workers=2'], 'workers 2 needs a Redis that all workers share', trial],
      [
        ['workers=auto', 'redis.host=r'],
        'workers auto without resources.limits.cpu would be as many as the node has cores',
        trial,
      ],
      [['profile=none', 'config.profile=cloud'], 'profile none next to config.profile cloud: give one of them'],
      [['terminationGracePeriodSeconds=45'], 'terminationGracePeriodSeconds 45 is too short: a stop may take 45 s'],
      [
        ['terminationGracePeriodSeconds=60', 'lifecycle.preStop.sleep.seconds=20'],
        'terminationGracePeriodSeconds 60 is too short: a stop may take 65 s',
      ],
      [
        ['terminationGracePeriodSeconds=60', 'config.limits.messages.holdMaxMs=90000'],
        'Give at least 106, or lower those',
      ],
      [
        ['auth.existingSecret=a', 'replicaCount=1', 'updateStrategy.type=RollingUpdate'],
        'updateStrategy.type RollingUpdate without a Redis',
        trial,
      ],
      [['auth.existingSecret=a', 'replicaCount=null'], 'replicaCount null needs a Redis', trial],
      [['dnsPolicy=None'], 'dnsPolicy None without dnsConfig.nameservers'],
      [
        ['podDisruptionBudget.minAvailable=2'],
        'podDisruptionBudget.minAvailable 2 of 2 Pods: no node could be drained',
      ],
      [
        ['service.loadBalancerClass=x'],
        'service.loadBalancerClass with service.type ClusterIP: only a LoadBalancer has it',
      ],
      [['service.nodePort=30000'], 'service.nodePort with service.type ClusterIP'],
      [
        ['serviceMonitor.interval=30s', 'serviceMonitor.scrapeTimeout=1m'],
        'serviceMonitor.scrapeTimeout 1m is longer than serviceMonitor.interval 30s',
      ],
      [['prometheusRule.disabled={WeirUp}'], 'prometheusRule.disabled: there is no alert WeirUp'],
      [
        ['mode=sidecar', 'sidecar.podLabels.app=x', 'extraContainers[0].name=y', 'extraContainers[0].image=z'],
        'extraContainers with mode sidecar',
      ],
      [['auth.adminPassword=Weir-2026!'], 'auth.adminPassword next to auth.existingSecret: give one of them'],
      [
        ['redis.existingSecret=r', 'auth.adminPassword=Weir-2026!', 'auth.apiKey=monitoring-key', 'auth.apiKeyKey='],
        'auth.apiKey next to an empty auth.apiKeyKey: give the key a name',
        trial,
      ],
      [['config.coreapp.url=http://other'], 'config.coreapp.url is not allowed: give coreapp.url'],
      [
        ['config.redis.url=redis://u:p@redis'],
        'config.redis.url is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in redis.existingSecret',
      ],
      [
        ['config.auth.apiKey=monitoring-key'],
        'config.auth.apiKey is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in auth.existingSecret',
      ],
      [
        ['config.coreapp.authorization=Bearer x'],
        'config.coreapp.authorization is not allowed: it would stand in a ConfigMap; put it into a Secret and name that in coreapp.existingSecret',
      ],
      [
        ['tls.existingSecret=t', 'config.listen.tls.keyFile=k'],
        'config.listen.tls.keyFile next to tls.existingSecret: give one of them',
      ],
      [['config.listen.port=9464'], 'config.listen.port and config.ops.port are both 9464: give two ports'],
      [['config.ops.port=0'], 'config.ops.port 0 is not allowed: a Service has to know the port'],
      [['config.listen.host=127.0.0.1'], 'config.listen.host "127.0.0.1" is not allowed: give 0.0.0.0 or ::'],
      [
        ['autoscaling.enabled=true', 'autoscaling.minReplicas=9'],
        'autoscaling.minReplicas 9 is more than autoscaling.maxReplicas 6',
      ],
      [
        ['serviceMonitor.enabled=true', 'podMonitor.enabled=true'],
        'serviceMonitor.enabled next to podMonitor.enabled: everything would be scraped twice',
      ],
      [['ingress.enabled=true'], 'ingress.hosts is empty: give host names, such as [weir.example.com]'],
      [['httpRoute.enabled=true'], 'httpRoute.parentRefs is empty: name a Gateway'],
      [['ingress.serversTransport.serverName=weir'], 'ingress.serversTransport without ingress.annotationsFor traefik'],
      [
        ['ingress.annotationsFor=traefik', 'ingress.serversTransport.forwardingTimeouts.dialTimeout=1s'],
        'ingress.serversTransport.forwardingTimeouts is not allowed',
      ],
      [['mode=sidecar'], 'sidecar.podLabels is missing: give labels that select the Pods'],
      [
        ['mode=sidecar', 'sidecar.podLabels.app=x', 'networkPolicy.enabled=true'],
        'networkPolicy.enabled with mode sidecar',
      ],
    ])('%j', (values, words, base = threeValues) => {
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
  let good: (name: string) => Manifest[];
  beforeAll(async () => {
    await installTools();
    good = (name) => rendered('helm 3', valueSet(name).args);
  });

  /**
   * @param place a kind, and a path in that manifest; `pod` and `container` are those of a Deployment
   * @param value undefined: nothing is there
   */
  function broken(place: string, value: unknown, name = 'three-values'): Manifest[] {
    const manifests = good(name);
    const [kind, path = ''] = place.split(' ');
    const pod = path.replace(/^container\b/, 'pod.containers.0').replace(/^pod\b/, 'spec.template.spec');
    const [last = '', ...above] = pod.split('.').reverse();
    let at = manifests.find((manifest) => manifest.kind === kind) as unknown as Record<string, unknown>;
    for (const step of above.reverse()) at = at[step] as Record<string, unknown>;
    if (value === undefined) delete at[last];
    else at[last] = value;
    return manifests;
  }

  it.each<[string, string, unknown, RegExp, string?]>([
    ['an unknown field', 'Deployment container.port', [], /"port"' does not exist/],
    ['a wrong type', 'Deployment spec.replicas', '2', /replicas|string/],
    ['a missing field', 'Deployment spec.selector', undefined, /selector/],
    ['a wrong word', 'Service spec.ports.0.protocol', 'HTTP', /HTTP/, 'load-balancer'],
    [
      'an unknown field of a ServiceMonitor',
      'ServiceMonitor spec.endpoint',
      1,
      /"endpoint"' does not exist/,
      'monitored',
    ],
    ['a wrong type in a PodMonitor', 'PodMonitor spec.podMetricsEndpoints.0.port', 1, /port|number/, 'pod-monitored'],
    [
      'an unknown field of an HTTPRoute',
      'HTTPRoute spec.rules.0.timeout',
      '1s',
      /"timeout"' does not exist/,
      'gateway',
    ],
    ['an unknown field of a ScaledObject', 'ScaledObject spec.minReplicas', 1, /"minReplicas"' does not exist/, 'keda'],
    ['a kind that there is not', 'HTTPRoute kind', 'HttpRoute', /no kind HttpRoute/, 'gateway'],
  ])('by types: %s', async (_, place, value, words, of) => {
    expect((await typeFaults({ broken: broken(place, value, of) })).join('\n')).toMatch(words);
  });

  it.each<[string, string, unknown, RegExp, string?]>([
    ['a port name of 16', 'Service spec.ports.0.name', 'abcdefghijklmnop', /port name/],
    ['a target that no container has', 'Service spec.ports.0.targetPort', 'http', /no container has/],
    ['a Service that selects nothing', 'Service spec.selector.app', 'x', /selects 0/],
    ['a Deployment that selects another’s Pods', 'Deployment spec.selector.matchLabels.app', 'x', /selects 0/],
    ['a budget for no Pod', 'PodDisruptionBudget spec.selector.matchLabels.app', 'x', /selects 0/],
    ['a ConfigMap that isn’t there', 'ConfigMap metadata.name', 'x', /no ConfigMap weir/],
    ['an account that isn’t there', 'ServiceAccount metadata.name', 'x', /no ServiceAccount weir/],
    ['a Secret that nobody named', 'Deployment pod.volumes.2.secret.secretName', 'x', /no Secret x/],
    ['a probe of no port', 'Deployment container.livenessProbe.httpGet.port', 'x', /livenessProbe/],
    ['a file where nothing is mounted', 'Deployment container.volumeMounts', [], /nothing is mounted/],
    ['a label that is too long', 'ConfigMap metadata.labels.x', 'a'.repeat(64), /the label x/],
    ['a Service with a digit in front', 'Service metadata.name', '1weir', /the name 1weir/],
    ['a monitor of a port that isn’t there', 'ServiceMonitor spec.endpoints.0.port', 'metrics', /scrapes/, 'monitored'],
    [
      'an Ingress that leads nowhere',
      'Ingress spec.rules.0.http.paths.0.backend.service.name',
      'x',
      /leads to x/,
      'ingress-nginx',
    ],
    ['another autoscaler of nothing', 'ScaledObject spec.scaleTargetRef.name', 'x', /no Deployment x/, 'keda'],
    [
      'variables of a Secret that nobody named',
      'Deployment container.envFrom.1.secretRef.name',
      'x',
      /no Secret x/,
      'pods',
    ],
    [
      'an autoscaler of nothing',
      'HorizontalPodAutoscaler spec.scaleTargetRef.name',
      'x',
      /no Deployment x/,
      'autoscaling',
    ],
  ])('by a server’s rules: %s', (_, place, value, words, of = 'three-values') => {
    expect(offences(broken(place, value, of), valueSet(of).texts).join('\n')).toMatch(words);
  });

  it.each<[string, string, unknown, RegExp]>([
    ['root', 'Deployment pod.securityContext.runAsUser', 0, /runs as root/],
    ['maybe root', 'Deployment pod.securityContext.runAsNonRoot', undefined, /may run as root/],
    ['capabilities', 'Deployment container.securityContext.capabilities', undefined, /keeps capabilities/],
    ['privileges', 'Deployment container.securityContext.allowPrivilegeEscalation', undefined, /may gain privileges/],
    ['the node’s network', 'Deployment pod.hostNetwork', true, /hostNetwork/],
    ['the node’s files', 'Deployment pod.volumes.0', { name: 'x', hostPath: { path: '/' } }, /not allowed/],
    ['no seccomp', 'Deployment pod.securityContext.seccompProfile', undefined, /seccomp/],
    ['a token', 'Deployment pod.automountServiceAccountToken', undefined, /token/],
  ])('by the restricted standard: %s', (_, place, value, words) => {
    expect(podsOf(broken(place, value)).flatMap(securityFaults).join('\n')).toMatch(words);
  });
});
