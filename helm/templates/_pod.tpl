{{- /*
What a Pod needs to have Weir in it. The Deployment is made of these, and other charts include them:

  weir.container      an item of spec.containers
  weir.volumes        items of spec.volumes; their files are readable for the Pod's fsGroup
  weir.annotations    of the Pod: checksums, so that a change rolls it
  weir.terminationGracePeriodSeconds

Another chart hands in `.Subcharts.weir` (README.md, "Sidecar").
*/ -}}
{{- define "weir.container" -}}
- name: weir
  image: {{ include "weir.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  env:
    # Without a Coreapp Weir then refuses to start, and no simulator takes its place.
    - name: NODE_ENV
      value: production
    - name: WEIR_CONFIG
      value: /etc/weir/config/weir.yaml
    {{- if include "weir.redisSecret" . }}
    - name: REDIS_URL_FILE
      value: {{ include "weir.secretsFolder" . }}/redis/{{ .Values.redis.urlKey }}
    {{- end }}
    {{- if include "weir.hasAuthKey" (list . "adminPassword") }}
    - name: WEIR_ADMIN_PASSWORD_FILE
      value: {{ include "weir.secretsFolder" . }}/auth/{{ .Values.auth.adminPasswordKey }}
    {{- end }}
    {{- if include "weir.hasAuthKey" (list . "apiKey") }}
    - name: WA_API_KEY_FILE
      value: {{ include "weir.secretsFolder" . }}/auth/{{ .Values.auth.apiKeyKey }}
    {{- end }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.envFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.lifecycle }}
  lifecycle:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: weir-http
      containerPort: {{ include "weir.listenPort" . }}
    - name: weir-ops
      containerPort: {{ include "weir.opsPort" . }}
  startupProbe:
    {{- include "weir.probe" (list "/livez" .Values.probes.startup) | nindent 4 }}
  readinessProbe:
    {{- include "weir.probe" (list "/readyz" .Values.probes.readiness) | nindent 4 }}
  livenessProbe:
    {{- include "weir.probe" (list "/livez" .Values.probes.liveness) | nindent 4 }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- /* In another chart's Pod, the container says what Weir runs as. */ -}}
    {{- $ofPod := omit (.Values.podSecurityContext | default dict) "fsGroup" "fsGroupChangePolicy" "supplementalGroups" "sysctls" -}}
    {{- toYaml (merge (deepCopy (.Values.securityContext | default dict)) (ternary $ofPod dict (eq .Values.mode "sidecar"))) | nindent 4 }}
  volumeMounts:
    - name: weir-config
      mountPath: /etc/weir/config
      readOnly: true
    - name: weir-tmp
      mountPath: /tmp
    {{- range include "weir.secretMounts" . | fromYamlArray }}
    - name: {{ .name }}
      mountPath: {{ .path }}
      readOnly: true
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "weir.probe" -}}
httpGet:
  path: {{ index . 0 }}
  port: weir-ops
{{ toYaml (index . 1) }}
{{- end }}

{{- /* Fields of a Pod that Weir's own and that of `helm test` have alike; empty: none of them is given. */ -}}
{{- define "weir.ofThePod" -}}
{{- $fields := dict -}}
{{- range $name := list "runtimeClassName" "dnsPolicy" "dnsConfig" "hostAliases" -}}
{{- with get $.Values $name -}}{{- $_ := set $fields $name . -}}{{- end -}}
{{- end -}}
{{- if $fields -}}{{- toYaml $fields -}}{{- end -}}
{{- end }}

{{- define "weir.volumes" -}}
- name: weir-config
  configMap:
    name: {{ include "weir.fullname" . }}
- name: weir-tmp
  emptyDir:
    sizeLimit: {{ .Values.tmp.sizeLimit | quote }}
{{- range include "weir.secretMounts" . | fromYamlArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    # One that isn't there would keep the Pod waiting in silence; so Weir starts and says which file is missing.
    optional: true
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "weir.annotations" -}}
checksum/weir-config: {{ include (ternary "weir.config" "weir.configOfTheStart" .Values.rollOnConfigChange) . | sha256sum }}
{{- with include "weir.secretData" . }}
checksum/weir-secret: {{ . | sha256sum }}
{{- end }}
{{- end }}

{{- /* The Secrets that are mounted, each once for each use. */ -}}
{{- define "weir.secretMounts" -}}
{{- $secrets := include "weir.secretsFolder" . -}}
{{- $mounts := list
  (dict "name" "weir-redis" "secret" (include "weir.redisSecret" .) "path" (printf "%s/redis" $secrets))
  (dict "name" "weir-redis-password" "secret" .Values.redis.passwordSecret "path" (printf "%s/redis-password" $secrets))
  (dict "name" "weir-auth" "secret" (include "weir.authSecret" .) "path" (printf "%s/auth" $secrets))
  (dict "name" "weir-coreapp" "secret" .Values.coreapp.existingSecret "path" (printf "%s/coreapp" $secrets))
  (dict "name" "weir-tls-main" "secret" .Values.tls.existingSecret "path" "/etc/weir/tls/main")
  (dict "name" "weir-tls-coreapp" "secret" .Values.coreapp.tls.existingSecret "path" "/etc/weir/tls/coreapp")
  (dict "name" "weir-tls-redis" "secret" .Values.redis.tls.existingSecret "path" "/etc/weir/tls/redis")
-}}
{{- $used := list -}}
{{- range $mounts -}}
{{- if .secret -}}{{- $used = append $used . -}}{{- end -}}
{{- end -}}
{{- toYaml $used -}}
{{- end }}

{{- /* Whether Weir is to read that key: it has a name, and a Secret that may have it. */ -}}
{{- define "weir.hasAuthKey" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $auth := $root.Values.auth -}}
{{- if and (get $auth (printf "%sKey" $name)) (or $auth.existingSecret (get $auth $name)) -}}
true
{{- end -}}
{{- end }}

{{- /* The data of the chart's own Secret, from values that were given in the clear; empty: it has none. */ -}}
{{- define "weir.secretData" -}}
{{- $data := dict -}}
{{- if .Values.redis.url -}}{{- $_ := set $data .Values.redis.urlKey .Values.redis.url -}}{{- end -}}
{{- if .Values.auth.adminPassword -}}{{- $_ := set $data .Values.auth.adminPasswordKey .Values.auth.adminPassword -}}{{- end -}}
{{- if .Values.auth.apiKey -}}{{- $_ := set $data .Values.auth.apiKeyKey .Values.auth.apiKey -}}{{- end -}}
{{- if $data -}}{{- toYaml $data -}}{{- end -}}
{{- end }}
