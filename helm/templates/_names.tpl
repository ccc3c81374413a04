{{- define "weir.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- /* The base of all names. 48 characters leave room for what is put behind it: names of Services end at 63. */ -}}
{{- define "weir.fullname" -}}
{{- $name := include "weir.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "weir.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{- define "weir.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "weir.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
-}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end }}

{{- /* Without the chart's version: a new chart that changes nothing for a Pod doesn't roll it. */ -}}
{{- define "weir.podLabels" -}}
{{- toYaml (merge (include "weir.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels) -}}
{{- end }}

{{- /* The Pods that have Weir in them: this chart's own, or in the sidecar form another one's. */ -}}
{{- define "weir.selectorLabels" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- toYaml .Values.sidecar.podLabels -}}
{{- else -}}
app.kubernetes.io/name: {{ include "weir.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: proxy
{{- end -}}
{{- end }}

{{- define "weir.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "weir.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end }}

{{- define "weir.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- /* The Secret with Redis' URL; empty: there is none. */ -}}
{{- define "weir.redisSecret" -}}
{{- .Values.redis.existingSecret | default (ternary (include "weir.fullname" .) "" (ne .Values.redis.url "")) -}}
{{- end }}

{{- /* Whether there is a Redis; empty: there is none. */ -}}
{{- define "weir.hasRedis" -}}
{{- if or (include "weir.redisSecret" .) .Values.redis.host -}}true{{- end -}}
{{- end }}

{{- /* The Secret with the admin's password and the API key; empty: there is none. */ -}}
{{- define "weir.authSecret" -}}
{{- $given := or .Values.auth.adminPassword .Values.auth.apiKey -}}
{{- .Values.auth.existingSecret | default (ternary (include "weir.fullname" .) "" (not (empty $given))) -}}
{{- end }}

{{- /* The job of the metrics: it has "weir" in it, whatever the release is called, and differs between releases. */ -}}
{{- define "weir.job" -}}
{{- $name := include "weir.fullname" . -}}
{{- ternary $name (printf "weir-%s" $name) (contains "weir" $name) -}}
{{- end }}
