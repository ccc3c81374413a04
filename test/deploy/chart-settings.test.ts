/** What the chart's values come to in the manifests, one by one. The sets are those of helm/examples. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configOf, type Manifest, ofKind, one, rendered } from './support/chart/manifests.ts';
import { valueSet } from './support/chart/sets.ts';
import { helmNames, installTools, toolsMissing } from './support/chart/tools.ts';

const set = (values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);
const of = (name: string, ...more: string[]): Manifest[] => rendered('helm 3', [...valueSet(name).args, ...set(more)]);
// biome-ignore lint/suspicious/noExplicitAny: the types of Kubernetes have judged it (types.ts)
type Any = any;
const podOf = (manifests: readonly Manifest[]): Any => one(manifests, 'Deployment').spec.template.spec;
const names = (list: readonly Any[]): string[] => list.map(({ name }) => name);

describe.skipIf(toolsMissing !== null)('values of the chart', () => {
  beforeAll(installTools);

  describe('of the Pods', () => {
    let manifests: Manifest[];
    let pod: Any;
    let weir: Any;
    beforeAll(() => {
      manifests = of('pods');
      pod = podOf(manifests);
      [weir] = pod.containers;
    });

    it('further containers stand beside Weir, and before it', () => {
      expect([names(pod.initContainers), names(pod.containers)]).toEqual([
        ['wait-for-coreapp'],
        ['weir', 'log-shipper'],
      ]);
    });

    it('variables come one by one, and by whole ConfigMaps and Secrets', () => {
      expect(names(weir.env)).toContain('NODE_EXTRA_CA_CERTS');
      expect(weir.envFrom).toEqual([
        { configMapRef: { name: 'company-proxy' } },
        { prefix: 'OTEL_', secretRef: { name: 'telemetry' } },
      ]);
    });

    it('names, runtime and processes are as given', () => {
      const { dnsPolicy, dnsConfig, hostAliases, runtimeClassName, shareProcessNamespace } = pod;
      expect({ dnsPolicy, dnsConfig, hostAliases, runtimeClassName, shareProcessNamespace }).toEqual({
        dnsPolicy: 'ClusterFirst',
        dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
        hostAliases: [{ ip: '192.0.2.10', hostnames: ['coreapp', 'coreapp.example.com'] }],
        runtimeClassName: 'gvisor',
        shareProcessNamespace: true,
      });
    });

    it('a Pod is replaced, kept and killed as given', () => {
      const { strategy, minReadySeconds, revisionHistoryLimit } = one(manifests, 'Deployment').spec;
      expect(strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '50%' } });
      expect([minReadySeconds, revisionHistoryLimit, pod.terminationGracePeriodSeconds]).toEqual([10, 2, 90]);
      expect(weir.lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
    });

    it('a preStop that sleeps is part of the time that a stop is given', () => {
      const own = of('pods', 'terminationGracePeriodSeconds=0');
      expect(podOf(own).terminationGracePeriodSeconds).toBe(60);
      expect(podOf(of('pods', 'terminationGracePeriodSeconds=51')).terminationGracePeriodSeconds).toBe(51);
    });

    it('a probe keeps what it asks, and the figures that are not given', () => {
      expect(weir.livenessProbe).toEqual({
        httpGet: { path: '/livez', port: 'weir-ops' },
        periodSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 12,
      });
    });

    it('the Deployment has labels and annotations of its own', () => {
      const { labels, annotations } = one(manifests, 'Deployment').metadata;
      expect([labels?.['team'], annotations]).toEqual(['messaging', { 'reloader.stakater.com/auto': 'false' }]);
    });

    it('the Pod of `helm test` runs where Weir does, or where it is told, with the same names and runtime', () => {
      const test = one(manifests, 'Pod').spec;
      expect(test).toMatchObject({
        runtimeClassName: 'gvisor',
        hostAliases: pod.hostAliases,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      });
      const named = of('everything-named');
      expect(one(named, 'Pod').spec.nodeSelector).toEqual(podOf(named).nodeSelector);
      expect(ofKind(of('headless'), 'Pod')).toEqual([]);
    });

    it('as many may go as leave enough', () => {
      expect(one(manifests, 'PodDisruptionBudget').spec).toMatchObject({ minAvailable: '50%' });
      expect(one(manifests, 'PodDisruptionBudget').spec).not.toHaveProperty('maxUnavailable');
      expect(one(of('headless'), 'PodDisruptionBudget').spec.minAvailable).toBe(1);
    });
  });

  it('a Redis of a chart needs no URL: its password is a file, and the policy knows its port', () => {
    const manifests = of('redis-chart', 'redis.port=6380');
    expect(configOf(manifests)).toMatch(
      /redis:\n\s+passwordFile: \/etc\/weir\/secrets\/redis-password\/redis-password\n\s+url: redis:\/\/redis-master:6380\/0/,
    );
    const { volumes } = podOf(manifests);
    expect(volumes.find(({ name }: Any) => name === 'weir-redis-password').secret.secretName).toBe('redis');
    expect(one(manifests, 'NetworkPolicy').spec.egress[2].ports).toEqual([{ port: 6380 }]);
    expect(one(manifests, 'Deployment').spec.strategy.type).toBe('RollingUpdate');
    const tls = configOf(of('redis-chart', 'redis.tls.existingSecret=ca', 'redis.username=weir', 'redis.database=3'));
    expect(tls).toMatch(/url: rediss:\/\/redis-master:6379\/3\n\s+username: weir/);
  });

  it('workers stand in the configuration, and another number rolls the Pods', () => {
    const workers = (...sets: string[]) => configOf(of('redis-chart', ...sets));
    expect(workers()).not.toMatch(/workers/);
    expect(workers('workers=2')).toMatch(/^\s*workers: 2$/m);
    expect(workers('workers=auto', 'resources.limits.cpu=2')).toMatch(/^\s*workers: auto$/m);
    const checksum = (...sets: string[]) =>
      one(of('redis-chart', ...sets), 'Deployment').spec.template.metadata.annotations['checksum/weir-config'];
    expect(checksum('workers=3')).not.toBe(checksum('workers=2'));
  });

  it('a profile stands in the configuration, its own limits count, and another one rolls the Pods', () => {
    const manifests = of('any-api');
    expect(configOf(manifests)).toMatch(/^\s*profile: none$/m);
    expect(podOf(manifests).terminationGracePeriodSeconds).toBe(85);
    const checksum = (of: Manifest[]) =>
      one(of, 'Deployment').spec.template.metadata.annotations['checksum/weir-config'];
    expect(checksum(of('any-api', 'profile=cloud'))).not.toBe(checksum(manifests));
  });

  describe('of the Services', () => {
    it('a load balancer is of its class, for whom it is for, with both families', () => {
      const { metadata, spec } = one(of('private-load-balancer'), 'Service', 'weir');
      expect(metadata.labels?.['exposed']).toBe('private');
      expect(spec).toMatchObject({
        type: 'LoadBalancer',
        loadBalancerClass: 'service.k8s.aws/nlb',
        loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'],
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
        ipFamilyPolicy: 'PreferDualStack',
        ipFamilies: ['IPv4', 'IPv6'],
      });
    });

    it('the ops port’s has annotations of its own, and stays headless', () => {
      const { metadata, spec } = one(of('private-load-balancer'), 'Service', 'weir-ops');
      expect(metadata.annotations).toEqual({ 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9464' });
      expect([spec.clusterIP, spec.type]).toEqual(['None', undefined]);
    });

    it('everything is in the namespace that is named', () => {
      const manifests = of('headless');
      expect([...new Set(manifests.map(({ metadata }) => metadata.namespace))]).toEqual(['whatsapp']);
      expect(one(manifests, 'Service', 'weir').spec).toMatchObject({ clusterIP: 'None', externalIPs: ['192.0.2.7'] });
    });
  });

  describe('of what is in front', () => {
    it('an Ingress has each host with its own paths', () => {
      const { metadata, spec } = one(of('several-hosts'), 'Ingress');
      const told = spec.rules.map(({ host, http }: Any) => [
        host,
        http.paths.map(({ path, pathType }: Any) => `${pathType} ${path}`),
      ]);
      expect(told).toEqual([
        ['weir.example.com', ['Prefix /']],
        ['messages.example.com', ['Prefix /v1/messages', 'Exact /v1/users/login']],
        [undefined, ['Prefix /v1']],
      ]);
      expect(metadata.labels?.['exposed']).toBe('public');
    });

    it('an HTTPRoute takes what it is told to, and does what its filters say', () => {
      const values = ['httpRoute.matches[0].path.type=Exact', 'httpRoute.matches[0].path.value=/v1/messages'];
      const filter = 'httpRoute.filters[0].type=RequestMirror';
      const { metadata, spec } = one(of('gateway', ...values, filter, 'httpRoute.labels.a=b'), 'HTTPRoute');
      expect(spec.rules[0]).toMatchObject({
        matches: [{ path: { type: 'Exact', value: '/v1/messages' } }],
        filters: [{ type: 'RequestMirror' }],
      });
      expect(metadata.labels?.['a']).toBe('b');
    });
  });

  describe('of scaling', () => {
    it('an autoscaler behaves as given, and one Pod at a time where nothing is given', () => {
      const behavior = one(of('autoscaling'), 'HorizontalPodAutoscaler').spec.behavior;
      expect(behavior.scaleUp).toEqual({ stabilizationWindowSeconds: 0 });
      expect(behavior.scaleDown).toEqual({
        stabilizationWindowSeconds: 600,
        policies: [{ type: 'Pods', value: 1, periodSeconds: 120 }],
      });
    });

    it('with KEDA the chart says nothing of the number of Pods, in either helm', () => {
      for (const name of helmNames) {
        const manifests = rendered(name, valueSet('keda').args);
        expect(one(manifests, 'Deployment').spec).not.toHaveProperty('replicas');
        const [trigger] = one(manifests, 'ScaledObject').spec.triggers;
        expect(trigger.metadata.query).toBe('sum(weir_connections{namespace="messaging", job="weir"})');
      }
    });
  });

  describe('of monitoring', () => {
    it('a monitor scrapes as often and as long as given, in the namespace of the monitoring', () => {
      const { metadata, spec } = one(of('monitored'), 'ServiceMonitor');
      expect([metadata.namespace, spec.namespaceSelector]).toEqual(['monitoring', { matchNames: ['messaging'] }]);
      expect(spec.endpoints[0]).toMatchObject({
        interval: '15s',
        scrapeTimeout: '10s',
        relabelings: [{ targetLabel: 'job' }, { targetLabel: 'node' }],
        metricRelabelings: [{ action: 'drop' }],
      });
      const pods = of('pod-monitored', 'podMonitor.scrapeTimeout=5s', 'podMonitor.namespace=m');
      expect(one(pods, 'PodMonitor').spec).toMatchObject({
        namespaceSelector: { matchNames: ['messaging'] },
        podMetricsEndpoints: [{ scrapeTimeout: '5s' }],
      });
    });

    describe('rules', () => {
      const alertsOf = (manifests: readonly Manifest[]): Any[] =>
        one(manifests, 'PrometheusRule').spec.groups.flatMap(({ rules }: Any) =>
          rules.filter(({ alert }: Any) => alert),
        );
      const plain = new Map<string, Any>();
      beforeAll(() => {
        for (const rule of alertsOf(of('monitored'))) plain.set(rule.alert, rule);
      });

      it.each([
        ['refusedRatio', 0.5, 'WeirRefusesManyCallers', '> 0.5'],
        ['waitSeconds', 2.5, 'WeirWaitAboveTarget', '> 2.5'],
        ['lineRatio', 0.9, 'WeirLineNearBound', '> 0.9'],
        ['coreappRefusedRatio', 0.25, 'WeirCoreappRefuses', '> 0.25'],
        ['tokenExpirySeconds', 604_800, 'WeirMonitoringTokenExpires', '< 604800'],
        ['restarts', 9, 'WeirRestarts', '> 9'],
        ['eventLoopLagSeconds', 1, 'WeirBusy', '> 1'],
        ['filesRatio', 0.5, 'WeirFilesNearLimit', '> 0.5'],
      ])('a threshold is that of one alert: %s', (threshold, value, alert, text) => {
        const made = alertsOf(
          // With --set a number with a point is a text.
          rendered('helm 3', [
            ...valueSet('monitored').args,
            '--set-json',
            `prometheusRule.thresholds.${threshold}=${value}`,
          ]),
        );
        const changed = made.filter((rule) => rule.expr !== plain.get(rule.alert).expr);
        expect(changed.map((rule) => rule.alert)).toEqual([alert]);
        expect(changed[0].expr).toContain(text);
      });

      it('a runbook of your own, labels for a team, groups of your own, and what is left out', () => {
        const values = ['runbookBaseUrl=https://runbooks.example.com/weir', 'alertLabels.team=messaging'];
        const more = ['disabled={WeirDown}', 'namespace=rules', 'extraGroups[0].name=ours'];
        const rule = [
          ...values,
          ...more,
          'extraGroups[0].rules[0].record=a:b',
          'extraGroups[0].rules[0].expr=vector(1)',
        ];
        const made = of('monitored', ...rule.map((value) => `prometheusRule.${value}`));
        const alerts = alertsOf(made);
        expect([...plain.keys()].filter((name) => !alerts.some(({ alert }) => alert === name))).toEqual(['WeirDown']);
        for (const { annotations, labels } of alerts) {
          expect(annotations.runbook_url).toMatch(/^https:\/\/runbooks\.example\.com\/weir#weir[a-z]+$/);
          expect(labels).toMatchObject({
            team: 'messaging',
            severity: /^(warning|critical)$/.exec(labels.severity)?.[0],
          });
        }
        const { metadata, spec } = one(made, 'PrometheusRule');
        expect([metadata.namespace, spec.groups.at(-1).name]).toEqual(['rules', 'ours']);
      });
    });

    it('the dashboard is where Grafana looks, in its folder', () => {
      const { metadata } = one(of('monitored'), 'ConfigMap', 'weir-dashboard');
      expect(metadata).toMatchObject({ namespace: 'monitoring', annotations: { grafana_folder: 'WhatsApp' } });
    });
  });

  it('further objects may be maps or texts, and are templates', () => {
    const object = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{ .Release.Name }}-map"}}';
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include "weir.fullname" . }}-text\n';
    const json = `extraObjects=[${object},${JSON.stringify(text)}]`;
    for (const name of helmNames) {
      const made = rendered(name, [...valueSet('three-values').args, '--set-json', json]);
      expect(names(ofKind(made, 'ConfigMap').map(({ metadata }) => metadata)).toSorted()).toEqual([
        'weir',
        'weir-map',
        'weir-text',
      ]);
    }
  });
});
