/** What the values for Pods and their containers may be. */
import {
  address,
  kubernetes,
  list,
  named,
  oneOf,
  quantity,
  type Schema,
  seconds,
  section,
  text,
  whole,
  yesOrNo,
} from './forms.ts';

const seccompProfile = section({ type: oneOf('RuntimeDefault', 'Localhost', 'Unconfined'), localhostProfile: text() });
const identity = {
  runAsNonRoot: yesOrNo,
  runAsUser: whole(0, 2 ** 31 - 1),
  runAsGroup: whole(0, 2 ** 31 - 1),
  seLinuxOptions: kubernetes,
  seccompProfile,
  appArmorProfile: kubernetes,
};
export const podSecurityContext = section({
  ...identity,
  fsGroup: whole(0, 2 ** 31 - 1),
  fsGroupChangePolicy: oneOf('Always', 'OnRootMismatch'),
  supplementalGroups: list(whole(0, 2 ** 31 - 1)),
  sysctls: list(kubernetes),
});
export const securityContext = section({
  ...identity,
  allowPrivilegeEscalation: yesOrNo,
  privileged: yesOrNo,
  readOnlyRootFilesystem: yesOrNo,
  capabilities: section({ add: list(text()), drop: list(text()) }),
});
export const toleration = section({
  key: text(),
  operator: oneOf('Exists', 'Equal'),
  value: text(),
  effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: { type: 'integer' },
});
export const probe = section({
  initialDelaySeconds: seconds,
  periodSeconds: whole(1, 86_400),
  timeoutSeconds: whole(1, 86_400),
  successThreshold: whole(1, 100),
  failureThreshold: whole(1, 1_000),
});
export const numberOrPart = { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]{1,2}%$|^100%$' };
export const container: Schema = { ...kubernetes, required: ['name', 'image'] };
export const resources = section({ requests: named(quantity), limits: named(quantity), claims: list(kubernetes) });
export const updateStrategy = section({
  type: oneOf('RollingUpdate', 'Recreate'),
  rollingUpdate: section({ maxUnavailable: numberOrPart, maxSurge: numberOrPart }),
});
export const envFrom = list(section({ prefix: text(), configMapRef: kubernetes, secretRef: kubernetes }));
export const dnsConfig = section({
  nameservers: list(text(address)),
  searches: list(text()),
  options: list({ ...section({ name: text(), value: text() }), required: ['name'] }),
});
export const extraEnv = list({
  ...section({ name: text(/^[A-Za-z_][A-Za-z0-9_]*$/), value: text(), valueFrom: kubernetes }),
  required: ['name'],
});
