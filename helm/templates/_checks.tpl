{{- /*
What the schema can't say: values that only make sense together. Every problem is told at once. Called by the ConfigMap,
which every form of the chart has.
*/ -}}
{{- define "weir.checks" -}}
{{- $problems := list -}}
{{- range $part := list "needed" "redis" "config" "pods" "scaling" "service" "monitoring" "routes" -}}
{{- $problems = concat $problems (include (printf "weir.checks.%s" $part) $ | fromYamlArray) -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\n  %s\n" (join "\n  " $problems)) -}}
{{- end -}}
{{- end }}

{{- define "weir.checks.needed" -}}
{{- $problems := list -}}
{{- if not .Values.coreapp.url -}}
{{- $problems = append $problems "coreapp.url is missing: give the Coreapp's origin, such as https://coreapp:9090" -}}
{{- end -}}
{{- if and (ne (toString .Values.workers) "1") (not (include "weir.hasRedis" .)) -}}
{{- $problems = append $problems (printf "workers %v needs a Redis that all workers share: name a Secret with its URL in redis.existingSecret, or its Service in redis.host" .Values.workers) -}}
{{- end -}}
{{- if and (eq (toString .Values.workers) "auto") (not ((.Values.resources).limits).cpu) -}}
{{- $problems = append $problems "workers auto without resources.limits.cpu would be as many as the node has cores: give a limit of CPU, or a number of workers" -}}
{{- end -}}
{{- if and (eq .Values.mode "deployment") (not (include "weir.hasRedis" .)) -}}
{{- $words := "needs a Redis that all replicas share: name a Secret with its URL in redis.existingSecret, or its Service in redis.host, or give replicaCount 1 without autoscaling (users and tokens then end with the Pod)" -}}
{{- if .Values.autoscaling.enabled -}}
{{- $problems = append $problems (printf "autoscaling.enabled true %s" $words) -}}
{{- else if kindIs "invalid" .Values.replicaCount -}}
{{- $problems = append $problems (printf "replicaCount null %s" $words) -}}
{{- else if gt (int64 .Values.replicaCount) 1 -}}
{{- $problems = append $problems (printf "replicaCount %d %s" (int64 .Values.replicaCount) $words) -}}
{{- else if eq .Values.updateStrategy.type "RollingUpdate" -}}
{{- $problems = append $problems "updateStrategy.type RollingUpdate without a Redis: two Pods with a limit each would send twice as much as the Coreapp allows; leave updateStrategy empty" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.adminPasswordKey (not .Values.auth.existingSecret) (not .Values.auth.adminPassword) -}}
{{- $problems = append $problems (printf "auth.existingSecret is missing: name a Secret with the admin's password (key %s) and the API key" .Values.auth.adminPasswordKey) -}}
{{- end -}}
{{- range $key := list "adminPassword" "apiKey" -}}
{{- if and $.Values.auth.existingSecret (get $.Values.auth $key) -}}
{{- $problems = append $problems (printf "auth.%s next to auth.existingSecret: give one of them" $key) -}}
{{- end -}}
{{- if and (get $.Values.auth $key) (not (get $.Values.auth (printf "%sKey" $key))) -}}
{{- $problems = append $problems (printf "auth.%s next to an empty auth.%sKey: give the key a name" $key $key) -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- /* One way to say where Redis is, and what belongs to `redis.host` only with it. */ -}}
{{- define "weir.checks.redis" -}}
{{- $problems := list -}}
{{- $redis := .Values.redis -}}
{{- range $pair := list (list "url" "existingSecret") (list "host" "existingSecret") (list "host" "url") -}}
{{- if and (get $redis (index $pair 0)) (get $redis (index $pair 1)) -}}
{{- $problems = append $problems (printf "redis.%s next to redis.%s: give one of them" (index $pair 0) (index $pair 1)) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "username" "passwordSecret" -}}
{{- if and (get $redis $name) (not $redis.host) -}}
{{- $problems = append $problems (printf "redis.%s without redis.host: with a URL the login is part of it" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $redis.tls.enabled (not $redis.host) -}}
{{- $problems = append $problems "redis.tls.enabled without redis.host: with a URL its scheme says so, rediss://" -}}
{{- end -}}
{{- if and $redis.host $redis.username (not $redis.passwordSecret) -}}
{{- $problems = append $problems "redis.username without redis.passwordSecret: name the Secret with that user's password" -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- /* A Pod's own fields, and what the sidecar form leaves to the chart that has the Pod. */ -}}
{{- define "weir.checks.pods" -}}
{{- $problems := list -}}
{{- $given := .Values.terminationGracePeriodSeconds | int64 -}}
{{- $needed := include "weir.stopSeconds" . | int64 -}}
{{- if and $given (le $given $needed) -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds %d is too short: a stop may take %d s (config.stop.lameDuckMs, config.stop.graceMs, a preStop that sleeps), and what still waits then would be lost. Give at least %d, or lower those" $given $needed (add $needed 1)) -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not .Values.dnsConfig.nameservers) -}}
{{- $problems = append $problems "dnsPolicy None without dnsConfig.nameservers: give the addresses of name servers" -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if not .Values.sidecar.podLabels -}}
{{- $problems = append $problems "sidecar.podLabels is missing: give labels that select the Pods which Weir is in" -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $problems = append $problems "networkPolicy.enabled with mode sidecar: it would bind the whole Pod; the chart that has the Pod has to say what it may do" -}}
{{- end -}}
{{- range $name := list "initContainers" "extraContainers" "hostAliases" -}}
{{- if get $.Values $name -}}
{{- $problems = append $problems (printf "%s with mode sidecar: the chart that has the Pod has to make them" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- define "weir.checks.scaling" -}}
{{- $problems := list -}}
{{- $scaling := .Values.autoscaling -}}
{{- if and $scaling.enabled (gt (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas)) -}}
{{- $problems = append $problems (printf "autoscaling.minReplicas %d is more than autoscaling.maxReplicas %d" (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas)) -}}
{{- end -}}
{{- $stay := .Values.podDisruptionBudget.minAvailable -}}
{{- $fewest := ternary $scaling.minReplicas .Values.replicaCount $scaling.enabled | int64 -}}
{{- if and .Values.podDisruptionBudget.enabled (not (kindIs "string" $stay)) $fewest (ge (int64 $stay) $fewest) -}}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable %d of %d Pods: no node could be drained; give less, or a part such as 50%%" (int64 $stay) $fewest) -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- /* What Kubernetes refuses or ignores with another type of Service. */ -}}
{{- define "weir.checks.service" -}}
{{- $problems := list -}}
{{- $service := .Values.service -}}
{{- if ne $service.type "LoadBalancer" -}}
{{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" "loadBalancerIP" -}}
{{- if get $service $name -}}
{{- $problems = append $problems (printf "service.%s with service.type %s: only a LoadBalancer has it" $name $service.type) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq $service.type "ClusterIP" -}}
{{- range $name := list "nodePort" "externalTrafficPolicy" -}}
{{- if and (get $service $name) (not (and (eq $name "externalTrafficPolicy") $service.externalIPs)) -}}
{{- $problems = append $problems (printf "service.%s with service.type ClusterIP: give the type NodePort or LoadBalancer" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- define "weir.checks.monitoring" -}}
{{- $problems := list -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- $problems = append $problems "serviceMonitor.enabled next to podMonitor.enabled: everything would be scraped twice; enable one of them" -}}
{{- end -}}
{{- range $name := .Values.prometheusRule.disabled -}}
{{- if not (contains (printf "alert: %s\n" $name) ($.Files.Get "files/rules.yaml")) -}}
{{- $problems = append $problems (printf "prometheusRule.disabled: there is no alert %s; files/rules.yaml has their names" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := get $.Values $name -}}
{{- if and $monitor.interval (gt (include "weir.durationMs" $monitor.scrapeTimeout | int64) (include "weir.durationMs" $monitor.interval | int64)) -}}
{{- $problems = append $problems (printf "%s.scrapeTimeout %s is longer than %s.interval %s: Prometheus would refuse it" $name $monitor.scrapeTimeout $name $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- /* `1m30s` in milliseconds; of an empty text 0. */ -}}
{{- define "weir.durationMs" -}}
{{- $ms := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $ms = add $ms (mul (regexFind "^[0-9]+" . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $ms -}}
{{- end }}

{{- define "weir.checks.routes" -}}
{{- $problems := list -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $problems = append $problems "ingress.hosts is empty: give host names, such as [weir.example.com]" -}}
{{- end -}}
{{- if and .Values.ingress.serversTransport (ne .Values.ingress.annotationsFor "traefik") -}}
{{- $problems = append $problems "ingress.serversTransport without ingress.annotationsFor traefik: only Traefik has it" -}}
{{- end -}}
{{- if hasKey .Values.ingress.serversTransport "forwardingTimeouts" -}}
{{- $problems = append $problems "ingress.serversTransport.forwardingTimeouts is not allowed: the times follow config.limits and config.http" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- $problems = append $problems "httpRoute.parentRefs is empty: name a Gateway, such as [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- toYaml $problems -}}
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
  (list "redis" "username" "give redis.username")
  (list "redis" "password" "it would stand in a ConfigMap; put it into a Secret and name that in redis.passwordSecret")
  (list "redis" "passwordFile" "give redis.passwordSecret")
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
{{- if and .Values.profile $config.profile (ne .Values.profile $config.profile) -}}
{{- $problems = append $problems (printf "profile %s next to config.profile %s: give one of them" .Values.profile $config.profile) -}}
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
