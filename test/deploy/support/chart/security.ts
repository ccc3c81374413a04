/** The Pod Security Standard `restricted` (Kubernetes' documentation), and a little more. */
import type { PodTemplate } from './manifests.ts';

/** A line for each thing that the standard forbids. */
export function securityFaults({ name, spec }: PodTemplate): string[] {
  const pod = spec.securityContext ?? {};
  const volumeKinds = new Set([
    'name',
    'configMap',
    'secret',
    'emptyDir',
    'projected',
    'downwardAPI',
    'persistentVolumeClaim',
  ]);
  const faults = [
    ...['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field] === true),
    ...(spec.automountServiceAccountToken === false ? [] : ['has a token of its ServiceAccount']),
    ...(spec.volumes ?? [])
      .filter((volume: object) => Object.keys(volume).some((kind) => !volumeKinds.has(kind)))
      .map((volume: { name: string }) => `the volume ${volume.name} is of a kind that is not allowed`),
  ];
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const own = { ...pod, ...container.securityContext };
    const has = (right: boolean, words: string): void => {
      if (!right) faults.push(`${container.name}: ${words}`);
    };
    has(own.runAsNonRoot === true, 'may run as root');
    has(own.runAsUser === undefined || own.runAsUser > 0, 'runs as root');
    has(own.allowPrivilegeEscalation === false, 'may gain privileges');
    has(own.privileged !== true, 'is privileged');
    has(own.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities');
    has(
      (own.capabilities?.add ?? []).every((added: string) => added === 'NET_BIND_SERVICE'),
      'adds capabilities',
    );
    has(['RuntimeDefault', 'Localhost'].includes(own.seccompProfile?.type), 'has no seccomp profile');
    has(
      (container.ports ?? []).every((port: object) => !('hostPort' in port)),
      'takes a port of the node',
    );
  }
  return faults.map((fault) => `${name}: ${fault}`);
}
