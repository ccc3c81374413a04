/** What is in front of Weir waits as long as a request may be held and answered, takes the largest body, and lets go first. */
import { beforeAll, describe, expect, it } from 'vitest';
import { configOf, type Manifest, ofKind, one, rendered } from './support/chart/manifests.ts';
import { valueSet } from './support/chart/sets.ts';
import { installTools, toolsMissing } from './support/chart/tools.ts';

const of = (name: string, ...more: string[]): Manifest[] =>
  rendered('helm 3', [...valueSet(name).args, ...more.flatMap((value) => ['--set', value])]);
const annotationsOf = (manifests: readonly Manifest[]): Readonly<Record<string, string>> | undefined =>
  one(manifests, 'Ingress').metadata.annotations;

/** With the configuration as it is: 30 s of hold, 45 s for the Coreapp, 5 s. */
const nginx = {
  'nginx.ingress.kubernetes.io/proxy-body-size': '104857600',
  'nginx.ingress.kubernetes.io/proxy-next-upstream': 'error',
  'nginx.ingress.kubernetes.io/proxy-read-timeout': '80',
  'nginx.ingress.kubernetes.io/proxy-send-timeout': '80',
  'nginx.org/client-max-body-size': '104857600',
  'nginx.org/proxy-read-timeout': '80s',
  'nginx.org/proxy-send-timeout': '80s',
};
const haproxy = { 'haproxy.org/timeout-server': '80s', 'haproxy-ingress.github.io/timeout-server': '80s' };

describe.skipIf(toolsMissing !== null)('what is in front', () => {
  beforeAll(installTools);

  it('an Ingress of no controller that is named speaks to nginx and to HAProxy', () => {
    expect(annotationsOf(of('tls', 'tls.existingSecret='))).toEqual({ ...nginx, ...haproxy });
  });

  it('TLS to the Pods is told in the words of each', () => {
    expect(annotationsOf(of('tls'))).toEqual({
      ...nginx,
      ...haproxy,
      'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS',
      'nginx.org/ssl-services': 'weir',
      'haproxy.org/server-ssl': 'true',
      'haproxy-ingress.github.io/backend-protocol': 'h1-ssl',
    });
  });

  it('one that is named gets its own words only, and what is given by hand goes before', () => {
    expect(annotationsOf(of('haproxy'))).toEqual(haproxy);
    expect(annotationsOf(of('ingress-nginx'))).toEqual({
      ...nginx,
      'nginx.ingress.kubernetes.io/proxy-body-size': '200m',
    });
    expect(annotationsOf(of('other-ingress'))).toBeUndefined();
  });

  it('all follow the configuration', () => {
    const longer = ['config.limits.media.holdMaxMs=90000', 'config.coreapp.answerTimeoutMs=60000'];
    expect(annotationsOf(of('haproxy', ...longer))).toMatchObject({ 'haproxy.org/timeout-server': '155s' });
    const { timeouts } = one(of('gateway', ...longer), 'HTTPRoute').spec.rules[0];
    expect(timeouts).toEqual({ request: '155s', backendRequest: '155s' });
    const { forwardingTimeouts } = one(of('traefik', ...longer), 'ServersTransport').spec;
    expect(forwardingTimeouts).toMatchObject({ responseHeaderTimeout: '155s' });
  });

  it('Traefik is told by its ServersTransport, which the Service names', () => {
    const manifests = of('traefik');
    expect(annotationsOf(manifests)).toEqual({ 'traefik.ingress.kubernetes.io/router.entrypoints': 'websecure' });
    const { metadata, spec } = one(manifests, 'ServersTransport');
    expect(spec).toEqual({
      forwardingTimeouts: { dialTimeout: '5s', responseHeaderTimeout: '80s', idleConnTimeout: '60s' },
    });
    expect(one(manifests, 'Service', 'weir').metadata.annotations).toEqual({
      'traefik.ingress.kubernetes.io/service.serverstransport': `${metadata.namespace}-${metadata.name}@kubernetescrd`,
    });
  });

  it('Traefik judges the certificate of Pods that speak TLS', () => {
    const manifests = of('traefik-tls');
    expect(one(manifests, 'ServersTransport').spec).toMatchObject({
      serverName: 'weir.messaging.svc',
      rootCAs: [{ secret: 'company-authorities' }],
    });
    expect(one(manifests, 'Service', 'weir').metadata.annotations).toMatchObject({
      'traefik.ingress.kubernetes.io/service.serversscheme': 'https',
    });
  });

  it('each lets go of an idle connection before Weir does', () => {
    const keptS = (manifests: readonly Manifest[]): number =>
      Number(/keepAliveTimeoutMs: (\d+)/.exec(configOf(manifests))?.[1] ?? 75_000) / 1_000;
    const shorter = of('traefik', 'config.http.keepAliveTimeoutMs=20000');
    for (const manifests of [of('traefik'), shorter]) {
      const { idleConnTimeout } = one(manifests, 'ServersTransport').spec.forwardingTimeouts;
      expect(Number.parseInt(idleConnTimeout, 10)).toBeLessThan(keptS(manifests));
    }
    // As long as Envoy, whose time is not the chart's to say.
    for (const name of ['gateway', 'gateway-of-its-own']) expect(keptS(of(name))).toBe(3_600);
  });

  it('a Gateway of the release’s own has a listener for each of its routes', () => {
    const manifests = of('gateway-of-its-own');
    const { metadata, spec } = one(manifests, 'Gateway');
    const listeners: string[] = spec.listeners.map(({ name }: { name: string }) => name);
    for (const route of ofKind(manifests, 'HTTPRoute')) {
      const [parent] = route.spec.parentRefs;
      expect([parent.name, listeners.includes(parent.sectionName)]).toEqual([metadata.name, true]);
    }
  });
});
