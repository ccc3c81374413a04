/**
 * What the chart's values may be, as JSON Schema. Their defaults and descriptions are in helm/values.yaml, and what
 * `config` may be is in src/config/schema.ts; `values-schema.ts` puts the three together.
 */
import { profileNames } from '../../src/config/schema.ts';
import {
  address,
  annotations,
  dnsLabel,
  dnsName,
  duration,
  hostName,
  key,
  kubernetes,
  labels,
  list,
  maybe,
  maybeKey,
  namespace,
  network,
  oneOf,
  path,
  port,
  quantity,
  type Schema,
  seconds,
  secret,
  section,
  serviceName,
  text,
  whole,
  yesOrNo,
} from './forms.ts';
import { monitor, prometheusRule } from './monitoring-shapes.ts';
import {
  container,
  dnsConfig,
  envFrom,
  extraEnv,
  numberOrPart,
  podSecurityContext,
  probe,
  resources,
  securityContext,
  toleration,
  updateStrategy,
} from './pod-shapes.ts';

const labelSelector = section({ matchLabels: labels, matchExpressions: list(kubernetes) });
const peers = list(
  section({
    podSelector: labelSelector,
    namespaceSelector: labelSelector,
    ipBlock: section({ cidr: text(), except: list(text()) }),
  }),
);
const tlsParts = { existingSecret: secret, caKey: maybeKey, certKey: maybeKey, keyKey: maybeKey };
const tlsFiles = section(tlsParts);

const coreapp = section({
  url: maybe(/^https?:\/\/[^/?#@\s]+\/?$/),
  existingSecret: secret,
  authorizationKey: key,
  tls: tlsFiles,
});
const redis = section({
  existingSecret: secret,
  urlKey: key,
  url: maybe(/^rediss?:\/\/[^?#\s]+$/),
  host: maybe(dnsName),
  port,
  database: whole(0, 99_999),
  username: text(),
  passwordSecret: secret,
  passwordKey: key,
  tls: section({ enabled: yesOrNo, ...tlsParts }),
});
const auth = section({
  existingSecret: secret,
  adminPasswordKey: maybeKey,
  apiKeyKey: maybeKey,
  adminPassword: maybe(/^[^\r\n]{8,64}$/),
  apiKey: maybe(/^[!-~]{12,128}$/),
});
const image = section({
  repository: text(/^[a-z0-9][-._:/a-z0-9]*[a-z0-9]$/),
  tag: maybe(/^[A-Za-z0-9_][-.A-Za-z0-9_]{0,127}$/),
  digest: maybe(/^sha256:[0-9a-f]{64}$/),
  pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  pullSecrets: list(text(dnsName)),
});
const service = section({
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer'),
  port,
  nodePort: whole(0, 65_535),
  annotations,
  labels,
  externalTrafficPolicy: oneOf('', 'Cluster', 'Local'),
  internalTrafficPolicy: oneOf('', 'Cluster', 'Local'),
  loadBalancerClass: text(),
  loadBalancerSourceRanges: list(text(network)),
  loadBalancerIP: maybe(address),
  externalIPs: list(text(address)),
  clusterIP: maybe(/^None$|^[0-9a-fA-F.:]+$/),
  ipFamilyPolicy: oneOf('', 'SingleStack', 'PreferDualStack', 'RequireDualStack'),
  ipFamilies: list(oneOf('IPv4', 'IPv6')),
});
const pathType = oneOf('Prefix', 'Exact', 'ImplementationSpecific');
const ingressPath: Schema = {
  ...section({ path: text(path), pathType }),
  type: ['string', 'object'],
  pattern: path.source,
  required: ['path'],
};
const ingressHost: Schema = {
  ...section({ host: maybe(hostName), paths: list(ingressPath) }),
  type: ['string', 'object'],
  pattern: hostName.source,
  required: ['host'],
};
const ingress = section({
  enabled: yesOrNo,
  className: secret,
  annotationsFor: oneOf('', 'nginx', 'haproxy', 'traefik', 'none'),
  serversTransport: kubernetes,
  annotations,
  labels,
  hosts: list(ingressHost),
  pathType,
  tls: list(section({ secretName: text(dnsName), hosts: list(text(hostName)) })),
});
const httpRoute = section({
  enabled: yesOrNo,
  parentRefs: list({
    ...section({
      group: text(),
      kind: text(),
      name: text(dnsName),
      namespace: text(dnsLabel),
      sectionName: text(dnsName),
      port,
    }),
    required: ['name'],
  }),
  hostnames: list(text(hostName)),
  annotations,
  labels,
  matches: list(kubernetes),
  filters: list(kubernetes),
  timeout: maybe(duration),
});
const autoscaling = section({
  enabled: yesOrNo,
  minReplicas: whole(1, 1_000),
  maxReplicas: whole(1, 1_000),
  cpuAverage: quantity,
  metrics: list(kubernetes),
  behavior: section({ scaleUp: kubernetes, scaleDown: kubernetes }),
  annotations,
});
const networkPolicy = section({
  enabled: yesOrNo,
  callers: peers,
  monitoring: peers,
  redis: section({ port, peers }),
  coreapp: section({ peers }),
  extraEgress: list(section({ to: peers, ports: list(kubernetes) })),
});
/** Every value but `config`, in the order of helm/values.yaml. */
export const shapes: Readonly<Record<string, Schema>> = {
  mode: oneOf('deployment', 'sidecar'),
  profile: oneOf('', ...profileNames),
  coreapp,
  redis,
  auth,
  tls: tlsFiles,
  image,
  replicaCount: { ...whole(0, 1_000), type: ['integer', 'null'] },
  workers: { oneOf: [whole(1, 256), { const: 'auto' }] },
  updateStrategy,
  minReadySeconds: seconds,
  revisionHistoryLimit: whole(0, 100),
  terminationGracePeriodSeconds: seconds,
  probes: section({ startup: probe, readiness: probe, liveness: probe }),
  resources,
  tmp: section({ sizeLimit: quantity }),
  service,
  opsService: section({ annotations, labels }),
  ingress,
  httpRoute,
  autoscaling,
  podDisruptionBudget: section({
    enabled: yesOrNo,
    maxUnavailable: numberOrPart,
    minAvailable: { ...numberOrPart, pattern: `^$|${numberOrPart.pattern}` },
  }),
  networkPolicy,
  serviceMonitor: monitor,
  podMonitor: monitor,
  prometheusRule,
  dashboard: section({ enabled: yesOrNo, labels, annotations, namespace }),
  serviceAccount: section({ create: yesOrNo, name: secret, annotations }),
  test: section({ enabled: yesOrNo, nodeSelector: labels, tolerations: list(toleration), resources }),
  sidecar: section({ podLabels: labels }),
  nameOverride: maybe(serviceName),
  fullnameOverride: maybe(serviceName),
  namespaceOverride: namespace,
  commonLabels: labels,
  deploymentLabels: labels,
  deploymentAnnotations: annotations,
  podLabels: labels,
  rollOnConfigChange: { type: 'boolean' },
  podAnnotations: annotations,
  podSecurityContext,
  securityContext,
  extraEnv,
  envFrom,
  lifecycle: section({ postStart: kubernetes, preStop: kubernetes, stopSignal: text() }),
  initContainers: list(container),
  extraContainers: list(container),
  extraVolumes: list({ ...kubernetes, required: ['name'] }),
  extraVolumeMounts: list({ ...kubernetes, required: ['name', 'mountPath'] }),
  nodeSelector: labels,
  tolerations: list(toleration),
  affinity: section({ nodeAffinity: kubernetes, podAffinity: kubernetes, podAntiAffinity: kubernetes }),
  topologySpreadConstraints: list({ ...kubernetes, required: ['topologyKey', 'maxSkew', 'whenUnsatisfiable'] }),
  priorityClassName: secret,
  runtimeClassName: secret,
  dnsPolicy: oneOf('', 'ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'),
  dnsConfig,
  hostAliases: list({
    ...section({ ip: text(address), hostnames: list(text(dnsName)) }),
    required: ['ip', 'hostnames'],
  }),
  shareProcessNamespace: yesOrNo,
  extraObjects: list({ type: ['object', 'string'] }),
};
