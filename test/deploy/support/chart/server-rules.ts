/** What only a server would notice in manifests that fit the types: names, ports, selectors and references. */
import { type Labels, type Manifest, matches, nameOf, ofKind, type PodTemplate, podsOf } from './manifests.ts';

/** A line for each offence. `outside`: what the values name, and the chart doesn't make. */
export const offences = (manifests: readonly Manifest[], outside: ReadonlySet<string>): string[] => [
  ...twice(manifests.map(nameOf), 'is made twice'),
  ...manifests.flatMap(nameFaults),
  ...podsOf(manifests).flatMap((pod) => podFaults(pod, manifests, outside)),
  ...serviceFaults(manifests, outside),
  ...selectorFaults(manifests),
  ...routeFaults(manifests),
];

const twice = (names: readonly string[], words: string): string[] =>
  names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} ${words}`);

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Services: RFC 1035, so no digit in front. */
const serviceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const dnsName = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** IANA service names: at most 15, a letter somewhere, no two hyphens in a row. */
const portName = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;

function nameFaults({ kind, metadata, spec }: Manifest): string[] {
  const { name, namespace = '', labels = {}, annotations = {} } = metadata;
  const right = kind === 'Service' ? serviceName : dnsName;
  const allLabels = { ...labels, ...(kind === 'Deployment' ? spec.template.metadata.labels : {}) } as Labels;
  return [
    ...(right.test(name) ? [] : [`${kind}: the name ${name}`]),
    ...(dnsLabel.test(namespace) ? [] : [`${kind}/${name}: the namespace ${namespace}`]),
    ...Object.entries(allLabels)
      .filter(([key, value]) => !labelKey.test(key) || !labelValue.test(value))
      .map(([key, value]) => `${kind}/${name}: the label ${key}=${value}`),
    ...Object.entries(annotations)
      .filter(([key, value]) => !labelKey.test(key.toLowerCase()) || typeof value !== 'string')
      .map(([key]) => `${kind}/${name}: the annotation ${key}`),
  ];
}

// biome-ignore lint/suspicious/noExplicitAny: the types of Kubernetes have judged it (types.ts)
type Any = any;

const containersOf = ({ spec }: PodTemplate): Any[] => [...(spec.initContainers ?? []), ...spec.containers];
const portsOf = (pod: PodTemplate): Any[] => containersOf(pod).flatMap((container) => container.ports ?? []);

function podFaults(pod: PodTemplate, manifests: readonly Manifest[], outside: ReadonlySet<string>): string[] {
  const { spec, name } = pod;
  const volumes: string[] = (spec.volumes ?? []).map((volume: Any) => volume.name);
  const there = (kind: string, wanted: string): boolean =>
    outside.has(wanted) || ofKind(manifests, kind).some((manifest) => manifest.metadata.name === wanted);
  const references: [string, string][] = [
    ...(spec.volumes ?? []).flatMap((volume: Any) => [
      ...(volume.secret ? [['Secret', volume.secret.secretName]] : []),
      ...(volume.configMap ? [['ConfigMap', volume.configMap.name]] : []),
    ]),
    ...containersOf(pod).flatMap((container) =>
      (container.envFrom ?? []).map(({ secretRef, configMapRef }: Any) =>
        secretRef === undefined ? ['ConfigMap', configMapRef.name] : ['Secret', secretRef.name],
      ),
    ),
    ...(spec.imagePullSecrets ?? []).map((secret: Any) => ['Secret', secret.name]),
    ...(spec.serviceAccountName === undefined ? [] : [['ServiceAccount', spec.serviceAccountName]]),
  ];
  return [
    ...references
      .filter(([kind, wanted]) => !there(kind, wanted))
      .map(([kind, wanted]) => `there is no ${kind} ${wanted}`),
    ...twice(volumes, 'is a volume twice'),
    ...twice(
      portsOf(pod).map((port) => port.name),
      'is a port twice',
    ),
    ...twice(
      portsOf(pod).map((port) => String(port.containerPort)),
      'is a port number twice',
    ),
    ...portsOf(pod)
      .filter((port) => !portName.test(port.name))
      .map((port) => `the port name ${port.name}`),
    ...volumes.filter((volume) => !dnsLabel.test(volume)).map((volume) => `the volume name ${volume}`),
    ...containersOf(pod).flatMap((container) => containerFaults(container, volumes)),
  ].map((fault) => `${name}: ${fault}`);
}

function containerFaults(container: Any, volumes: readonly string[]): string[] {
  const mounts: Any[] = container.volumeMounts ?? [];
  const own: string[] = (container.ports ?? []).map((port: Any) => port.name);
  const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].filter((probe) => container[probe]?.httpGet);
  const files: Any[] = (container.env ?? []).filter(({ name }: Any) => /_FILE$|^WEIR_CONFIG$/.test(name));
  return [
    ...mounts.filter(({ name }) => !volumes.includes(name)).map(({ name }) => `mounts ${name}, which is no volume`),
    ...twice(
      mounts.map(({ mountPath }) => mountPath),
      'is mounted upon twice',
    ),
    ...twice(
      (container.env ?? []).map(({ name }: Any) => name),
      'is a variable twice',
    ),
    ...probes
      .filter((probe) => !own.includes(container[probe].httpGet.port))
      .map((probe) => `${probe} asks the port ${container[probe].httpGet.port}, which is none`),
    ...files
      .filter(({ value }) => !mounts.some(({ mountPath }) => value.startsWith(`${mountPath}/`)))
      .map(({ name, value }) => `${name} is ${value}, where nothing is mounted`),
  ];
}

/** In the sidecar form the Pods are another chart's: their labels are then among what the values say. */
function serviceFaults(manifests: readonly Manifest[], outside: ReadonlySet<string>): string[] {
  return ofKind(manifests, 'Service').flatMap((service) => {
    const { selector, ports } = service.spec as { selector: Labels; ports: Any[] };
    const pods = podsOf(manifests).filter((pod) => matches(selector, pod.labels));
    const foreign = Object.values(selector).every((value) => outside.has(value));
    const known = pods.flatMap(portsOf).map((port) => port.name);
    return [
      ...(pods.length === 1 || (pods.length === 0 && foreign) ? [] : [`selects ${pods.length} kinds of Pods, not one`]),
      ...ports.filter((port) => !portName.test(port.name)).map((port) => `the port name ${port.name}`),
      ...twice(
        ports.map((port) => port.name),
        'is a port twice',
      ),
      ...ports
        .filter((port) => !foreign && !known.includes(port.targetPort))
        .map((port) => `the port ${port.name} leads to ${port.targetPort}, which no container has`),
    ].map((fault) => `${nameOf(service)}: ${fault}`);
  });
}

/** Whoever selects must find something, and Deployments themselves. */
function selectorFaults(manifests: readonly Manifest[]): string[] {
  const pods = podsOf(manifests);
  const services = ofKind(manifests, 'Service');
  return manifests.flatMap((manifest) => {
    const { kind, spec } = manifest;
    const selected = (selector: Labels): PodTemplate[] => pods.filter((pod) => matches(selector, pod.labels));
    const finds = (selector: Labels): string[] =>
      selected(selector).length === 1
        ? []
        : [`${nameOf(manifest)}: selects ${selected(selector).length} kinds of Pods, not one`];
    switch (kind) {
      case 'Deployment': {
        const spread: Any[] = spec.template.spec.topologySpreadConstraints ?? [];
        return [
          ...finds(spec.selector.matchLabels),
          ...spread.flatMap(({ labelSelector }) => finds(labelSelector.matchLabels)),
        ];
      }
      case 'PodDisruptionBudget':
        return finds(spec.selector.matchLabels);
      case 'NetworkPolicy':
        return finds(spec.podSelector.matchLabels);
      case 'PodMonitor': {
        const found = selected(spec.selector.matchLabels).flatMap(portsOf);
        if (pods.every(({ name }) => !name.startsWith('Deployment/'))) return []; // The sidecar form: another chart's Pods.
        return found.some((port) => port.name === spec.podMetricsEndpoints[0].port)
          ? []
          : [`${nameOf(manifest)}: scrapes no port`];
      }
      case 'ServiceMonitor': {
        const found = services.filter((service) => matches(spec.selector.matchLabels, service.metadata.labels ?? {}));
        const ports = found.flatMap((service) => service.spec.ports.map((port: Any) => port.name));
        return found.length === 1 && ports.includes(spec.endpoints[0].port)
          ? []
          : [`${nameOf(manifest)}: scrapes ${found.length} Services`];
      }
      case 'HorizontalPodAutoscaler':
        return scaleFaults(manifest, spec.scaleTargetRef, manifests);
      case 'ScaledObject':
        return scaleFaults(manifest, { kind: 'Deployment', ...spec.scaleTargetRef }, manifests);
      default:
        return [];
    }
  });
}

function scaleFaults(manifest: Manifest, { kind, name }: Any, manifests: readonly Manifest[]): string[] {
  const target = ofKind(manifests, kind).find(({ metadata }) => metadata.name === name);
  if (target === undefined) return [`${nameOf(manifest)}: there is no ${kind} ${name}`];
  return 'replicas' in target.spec ? [`${nameOf(manifest)}: the Deployment has replicas of its own`] : [];
}

/** Ingress and HTTPRoute lead to a port that a Service has. */
function routeFaults(manifests: readonly Manifest[]): string[] {
  const ports = ofKind(manifests, 'Service').flatMap(({ metadata, spec }) =>
    spec.ports.flatMap((port: Any) => [`${metadata.name}:${port.name}`, `${metadata.name}:${port.port}`]),
  );
  return manifests.flatMap((manifest) => {
    const rules: Any[] = ['Ingress', 'HTTPRoute'].includes(manifest.kind) ? manifest.spec.rules : [];
    const targets: string[] = rules.flatMap((rule) => [
      ...(rule.http?.paths ?? []).map(({ backend }: Any) => `${backend.service.name}:${backend.service.port.name}`),
      ...(rule.backendRefs ?? []).map(({ name, port }: Any) => `${name}:${port}`),
    ]);
    return targets
      .filter((target) => !ports.includes(target))
      .map((target) => `${nameOf(manifest)}: leads to ${target}`);
  });
}
