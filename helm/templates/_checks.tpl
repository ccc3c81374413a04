{{- /*
What the schema can't say: values that only make sense together. Every problem is told at once. Called by the ConfigMap,
which every form of the chart has.
*/ -}}
{{- define "weir.checks" -}}
{{- $problems := list -}}
{{- $redis := include "weir.redisSecret" . -}}
{{- $own := eq .Values.mode "deployment" -}}
{{- if not .Values.coreapp.url -}}
{{- $problems = append $problems "coreapp.url is missing: give the Coreapp's origin, such as https://coreapp:9090" -}}
{{- end -}}
{{- if and $own (not $redis) -}}
{{- $words := "needs a Redis that all replicas share: name a Secret with its URL in redis.existingSecret, or give replicaCount 1 without autoscaling (users and tokens then end with the Pod)" -}}
{{- if .Values.autoscaling.enabled -}}
{{- $problems = append $problems (printf "autoscaling.enabled true %s" $words) -}}
{{- else if gt (int64 .Values.replicaCount) 1 -}}
{{- $problems = append $problems (printf "replicaCount %d %s" (int64 .Values.replicaCount) $words) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.adminPasswordKey (not .Values.auth.existingSecret) (not .Values.auth.adminPassword) -}}
{{- $problems = append $problems (printf "auth.existingSecret is missing: name a Secret with the admin's password (key %s) and the API key" .Values.auth.adminPasswordKey) -}}
{{- end -}}
{{- if and .Values.redis.existingSecret .Values.redis.url -}}
{{- $problems = append $problems "redis.url next to redis.existingSecret: give one of them" -}}
{{- end -}}
{{- range $key := list "adminPassword" "apiKey" -}}
{{- if and $.Values.auth.existingSecret (get $.Values.auth $key) -}}
{{- $problems = append $problems (printf "auth.%s next to auth.existingSecret: give one of them" $key) -}}
{{- end -}}
{{- if and (get $.Values.auth $key) (not (get $.Values.auth (printf "%sKey" $key))) -}}
{{- $problems = append $problems (printf "auth.%s next to an empty auth.%sKey: give the key a name" $key $key) -}}
{{- end -}}
{{- end -}}
{{- $problems = concat $problems (include "weir.checks.config" . | fromYamlArray) -}}
{{- if not $own -}}
{{- if not .Values.sidecar.podLabels -}}
{{- $problems = append $problems "sidecar.podLabels is missing: give labels that select the Pods which Weir is in" -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $problems = append $problems "networkPolicy.enabled with mode sidecar: it would bind the whole Pod; the chart that has the Pod has to say what it may do" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int64 .Values.autoscaling.minReplicas) (int64 .Values.autoscaling.maxReplicas)) -}}
{{- $problems = append $problems (printf "autoscaling.minReplicas %d is more than autoscaling.maxReplicas %d" (int64 .Values.autoscaling.minReplicas) (int64 .Values.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- $problems = append $problems "serviceMonitor.enabled next to podMonitor.enabled: everything would be scraped twice; enable one of them" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $problems = append $problems "ingress.hosts is empty: give host names, such as [weir.example.com]" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- $problems = append $problems "httpRoute.parentRefs is empty: name a Gateway, such as [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\n  %s\n" (join "\n  " $problems)) -}}
{{- end -}}
{{- end }}

{{- /* A ConfigMap is no place for a secret, and a setting that another value gives must not be given twice. */ -}}
{{- define "weir.checks.config" -}}
{{- $problems := list -}}
{{- $config := .Values.config | default dict -}}
{{- $elsewhere := list
  (list "coreapp" "url" "give coreapp.url")
  (list "coreapp" "authorization" "it would stand in a ConfigMap; put it into a Secret and name that in coreapp.existingSecret")
  (list "coreapp" "authorizationFile" "give coreapp.existingSecret")
  (list "redis" "url" "it would stand in a ConfigMap; put it into a Secret and name that in redis.existingSecret")
  (list "redis" "urlFile" "give redis.existingSecret")
  (list "auth" "apiKey" "it would stand in a ConfigMap; put it into a Secret and name that in auth.existingSecret")
  (list "auth" "apiKeyFile" "give auth.existingSecret")
  (list "auth" "adminPassword" "it would stand in a ConfigMap; put it into a Secret and name that in auth.existingSecret")
  (list "auth" "adminPasswordFile" "give auth.existingSecret")
-}}
{{- range $elsewhere -}}
{{- $section := get $config (index . 0) | default dict -}}
{{- if get $section (index . 1) -}}
{{- $problems = append $problems (printf "config.%s.%s is not allowed: %s" (index . 0) (index . 1) (index . 2)) -}}
{{- end -}}
{{- end -}}
{{- range $path, $tls := dict "listen.tls" .Values.tls "coreapp" .Values.coreapp.tls "redis" .Values.redis.tls -}}
{{- $section := ternary ($config.listen).tls (get $config $path) (eq $path "listen.tls") | default dict -}}
{{- range $name := list "caFile" "clientCaFile" "certFile" "keyFile" -}}
{{- if and $tls.existingSecret (get $section $name) -}}
{{- $problems = append $problems (printf "config.%s.%s next to %s.existingSecret: give one of them" $path $name (ternary "tls" (printf "%s.tls" $path) (eq $path "listen.tls"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name := list "listen" "ops" -}}
{{- $section := get $config $name | default dict -}}
{{- if and (hasKey $section "port") (eq (toString $section.port) "0") -}}
{{- $problems = append $problems (printf "config.%s.port 0 is not allowed: a Service has to know the port" $name) -}}
{{- end -}}
{{- if and $section.host (not (has $section.host (list "0.0.0.0" "::"))) -}}
{{- $problems = append $problems (printf "config.%s.host %q is not allowed: give 0.0.0.0 or ::, or neither probes nor callers get through" $name $section.host) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "weir.listenPort" .) (include "weir.opsPort" .) -}}
{{- $problems = append $problems (printf "config.listen.port and config.ops.port are both %s: give two ports" (include "weir.opsPort" .)) -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}
