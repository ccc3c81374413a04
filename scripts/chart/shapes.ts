/**
 * What the chart's values may be, as JSON Schema. Their defaults and descriptions are in helm/values.yaml, and what
 * `config` may be is in src/config/schema.ts; `values-schema.ts` puts the three together.
 *
 * Patterns are read by Go and by JavaScript: no lookahead.
 */
export type Schema = { readonly [keyword: string]: unknown };

const section = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  additionalProperties: false,
});
const oneOf = (...options: readonly string[]): Schema => ({ type: 'string', enum: options });
const text = (pattern?: RegExp): Schema => ({ type: 'string', ...(pattern && { pattern: pattern.source }) });
/** A text that may also be empty, which means that it isn't given. */
const maybe = (pattern: RegExp): Schema => ({ type: 'string', pattern: `^$|${pattern.source}` });
const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const yesOrNo: Schema = { type: 'boolean' };
const list = (items: Schema): Schema => ({ type: 'array', items });
/** Free names, such as those of labels. */
const named = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });
/** What Kubernetes knows better, and judges itself. */
const kubernetes: Schema = { type: 'object' };

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsName = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const hostName = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dataKey = /^[-._a-zA-Z0-9]+$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const amount = /^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/;
const duration = /^([0-9]+(h|m|s|ms))+$/;

const secret = maybe(dnsName);
const key = text(dataKey);
const maybeKey = maybe(dataKey);
const annotations = named(text());
const labels = named(text(labelValue));
const quantity: Schema = { type: ['string', 'integer', 'number'], pattern: amount.source, minimum: 0 };
const labelSelector = section({ matchLabels: labels, matchExpressions: list(kubernetes) });
const peers = list(
  section({
    podSelector: labelSelector,
    namespaceSelector: labelSelector,
    ipBlock: section({ cidr: text(), except: list(text()) }),
  }),
);
const port = whole(1, 65_535);
const tlsFiles = section({ existingSecret: secret, caKey: maybeKey, certKey: maybeKey, keyKey: maybeKey });
const monitor = section({ enabled: yesOrNo, labels, interval: maybe(duration) });

const seccompProfile = section({ type: oneOf('RuntimeDefault', 'Localhost', 'Unconfined'), localhostProfile: text() });
const identity = {
  runAsNonRoot: yesOrNo,
  runAsUser: whole(0, 2 ** 31 - 1),
  runAsGroup: whole(0, 2 ** 31 - 1),
  seLinuxOptions: kubernetes,
  seccompProfile,
  appArmorProfile: kubernetes,
};

const coreapp = section({
  url: maybe(/^https?:\/\/[^/?#@\s]+\/?$/),
  existingSecret: secret,
  authorizationKey: key,
  tls: tlsFiles,
});
const redis = section({ existingSecret: secret, urlKey: key, url: maybe(/^rediss?:\/\/[^?#\s]+$/), tls: tlsFiles });
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
  externalTrafficPolicy: oneOf('', 'Cluster', 'Local'),
});
const ingress = section({
  enabled: yesOrNo,
  className: secret,
  annotationsFor: oneOf('nginx', 'none'),
  annotations,
  hosts: list(text(hostName)),
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
  timeout: maybe(duration),
});
const autoscaling = section({
  enabled: yesOrNo,
  minReplicas: whole(1, 1_000),
  maxReplicas: whole(1, 1_000),
  cpuAverage: quantity,
  metrics: list(kubernetes),
});
const networkPolicy = section({
  enabled: yesOrNo,
  callers: peers,
  monitoring: peers,
  redis: section({ port, peers }),
  coreapp: section({ peers }),
  extraEgress: list(section({ to: peers, ports: list(kubernetes) })),
});
const podSecurityContext = section({
  ...identity,
  fsGroup: whole(0, 2 ** 31 - 1),
  fsGroupChangePolicy: oneOf('Always', 'OnRootMismatch'),
  supplementalGroups: list(whole(0, 2 ** 31 - 1)),
  sysctls: list(kubernetes),
});
const securityContext = section({
  ...identity,
  allowPrivilegeEscalation: yesOrNo,
  privileged: yesOrNo,
  readOnlyRootFilesystem: yesOrNo,
  capabilities: section({ add: list(text()), drop: list(text()) }),
});
const toleration = section({
  key: text(),
  operator: oneOf('Exists', 'Equal'),
  value: text(),
  effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: { type: 'integer' },
});
const extraEnv = list({
  ...section({ name: text(/^[A-Za-z_][A-Za-z0-9_]*$/), value: text(), valueFrom: kubernetes }),
  required: ['name'],
});

/** Every value but `config`, in the order of helm/values.yaml. */
export const shapes: Readonly<Record<string, Schema>> = {
  mode: oneOf('deployment', 'sidecar'),
  coreapp,
  redis,
  auth,
  tls: tlsFiles,
  image,
  replicaCount: whole(0, 1_000),
  resources: section({ requests: named(quantity), limits: named(quantity), claims: list(kubernetes) }),
  tmp: section({ sizeLimit: quantity }),
  service,
  ingress,
  httpRoute,
  autoscaling,
  podDisruptionBudget: section({
    enabled: yesOrNo,
    maxUnavailable: { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]{1,2}%$|^100%$' },
  }),
  networkPolicy,
  serviceMonitor: monitor,
  podMonitor: monitor,
  prometheusRule: section({ enabled: yesOrNo, labels }),
  dashboard: section({ enabled: yesOrNo, labels }),
  serviceAccount: section({ create: yesOrNo, name: secret, annotations }),
  sidecar: section({ podLabels: labels }),
  nameOverride: maybe(serviceName),
  fullnameOverride: maybe(serviceName),
  commonLabels: labels,
  podLabels: labels,
  rollOnConfigChange: { type: 'boolean' },
  podAnnotations: annotations,
  podSecurityContext,
  securityContext,
  extraEnv,
  extraVolumes: list({ ...kubernetes, required: ['name'] }),
  extraVolumeMounts: list({ ...kubernetes, required: ['name', 'mountPath'] }),
  nodeSelector: labels,
  tolerations: list(toleration),
  affinity: section({ nodeAffinity: kubernetes, podAffinity: kubernetes, podAntiAffinity: kubernetes }),
  topologySpreadConstraints: list({ ...kubernetes, required: ['topologyKey', 'maxSkew', 'whenUnsatisfiable'] }),
  priorityClassName: secret,
};
