{{- /*
The configuration as Weir reads it: .Values.config, and what other values say. Numbers come from YAML as floats, so
all that is printed goes through toYaml or int64: 604800000 would else become 6.048e+08.
*/ -}}
{{- define "weir.config" -}}
{{- $own := dict "coreapp" (dict "url" .Values.coreapp.url) "stop" (dict "graceMs" (include "weir.graceMs" . | int64)) -}}
{{- if .Values.coreapp.existingSecret -}}
{{- $_ := set $own.coreapp "authorizationFile" (printf "%s/coreapp/%s" (include "weir.secretsFolder" .) .Values.coreapp.authorizationKey) -}}
{{- end -}}
{{- $main := include "weir.tlsFiles" (dict "tls" .Values.tls "folder" "main" "ca" "clientCaFile") | fromYaml -}}
{{- if $main -}}{{- $_ := set $own "listen" (dict "tls" $main) -}}{{- end -}}
{{- $_ := merge $own.coreapp (include "weir.tlsFiles" (dict "tls" .Values.coreapp.tls "folder" "coreapp" "ca" "caFile") | fromYaml) -}}
{{- $_ := set $own "redis" (merge (include "weir.redisHost" . | fromYaml) (include "weir.tlsFiles" (dict "tls" .Values.redis.tls "folder" "redis" "ca" "caFile") | fromYaml)) -}}
{{- if not $own.redis -}}{{- $_ := unset $own "redis" -}}{{- end -}}
{{- with .Values.profile -}}{{- $_ := set $own "profile" . -}}{{- end -}}
{{- if ne (toString .Values.workers) "1" -}}{{- $_ := set $own "workers" .Values.workers -}}{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy (.Values.config | default dict)) $own) -}}
{{- end }}

{{- /* `redis.host` and what belongs to it, as settings. The password is a file, so the URL is no secret. */ -}}
{{- define "weir.redisHost" -}}
{{- $redis := .Values.redis -}}
{{- $settings := dict -}}
{{- if $redis.host -}}
{{- $scheme := ternary "rediss" "redis" (or $redis.tls.enabled (ne $redis.tls.existingSecret "")) -}}
{{- $_ := set $settings "url" (printf "%s://%s:%d/%d" $scheme $redis.host (int64 $redis.port) (int64 $redis.database)) -}}
{{- with $redis.username -}}{{- $_ := set $settings "username" . -}}{{- end -}}
{{- if $redis.passwordSecret -}}
{{- $_ := set $settings "passwordFile" (printf "%s/redis-password/%s" (include "weir.secretsFolder" .) $redis.passwordKey) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{- define "weir.profile" -}}
{{- .Values.profile | default ((.Values.config).profile) | default "coreapp" -}}
{{- end }}

{{- /*
What of the configuration is read at the start only. A change of the rest reaches the Pods by the ConfigMap, and Weir
takes it up. docs/how-to/change-the-configuration.md has the list.
*/ -}}
{{- define "weir.configOfTheStart" -}}
{{- $config := include "weir.config" . | fromYaml -}}
{{- $start := pick $config "profile" "workers" "listen" -}}
{{- $_ := set $start "ops" (pick ($config.ops | default dict) "host" "port") -}}
{{- $_ := set $start "redis" (pick ($config.redis | default dict) "url" "urlFile" "keyPrefix") -}}
{{- toYaml $start -}}
{{- end }}

{{- /* The settings that name the files of one `tls` section, by what its keys say. */ -}}
{{- define "weir.tlsFiles" -}}
{{- $files := dict -}}
{{- if .tls.existingSecret -}}
{{- $names := dict .ca .tls.caKey "certFile" .tls.certKey "keyFile" .tls.keyKey -}}
{{- range $setting, $key := $names -}}
{{- if $key -}}{{- $_ := set $files $setting (printf "/etc/weir/tls/%s/%s" $.folder $key) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $files -}}
{{- end }}

{{- define "weir.secretsFolder" -}}
/etc/weir/secrets
{{- end }}

{{- /* What a setting comes to: (list . "stop" "lameDuckMs"). Not by mergeOverwrite: that takes a 0 for nothing. */ -}}
{{- define "weir.setting" -}}
{{- $root := index . 0 -}}
{{- $given := get ($root.Values.config | default dict) (index . 1) | default dict -}}
{{- $default := get (get (include "weir.defaults" $root | fromYaml) (index . 1)) (index . 2) -}}
{{- $isGiven := and (hasKey $given (index . 2)) (not (kindIs "invalid" (get $given (index . 2)))) -}}
{{- ternary (get $given (index . 2)) $default $isGiven | toJson -}}
{{- end }}

{{- define "weir.defaults" -}}
{{- .Files.Get "files/defaults.yaml" -}}
{{- end }}

{{- define "weir.listenPort" -}}
{{- include "weir.setting" (list . "listen" "port") | int64 -}}
{{- end }}

{{- define "weir.opsPort" -}}
{{- include "weir.setting" (list . "ops" "port") | int64 -}}
{{- end }}

{{- /* A limit of every class: what is given for it, else its own default, else what `default` has. */ -}}
{{- define "weir.limit" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $given := ($root.Values.config).limits | default dict -}}
{{- $all := include "weir.defaults" $root | fromYaml -}}
{{- $defaults := merge (dict) $all.limits (get $all.profiles (include "weir.profile" $root)) -}}
{{- $common := get (get $given "default" | default dict) $name | default (get $defaults.default $name) -}}
{{- $limits := dict -}}
{{- range $class := concat (keys $defaults) (keys $given) | uniq -}}
{{- $fallback := ternary $common (get (get $defaults $class | default dict) $name | default $common) (eq $class "default") -}}
{{- $_ := set $limits $class (get (get $given $class | default dict) $name | default $fallback | int64) -}}
{{- end -}}
{{- toYaml $limits -}}
{{- end }}

{{- /* The most that any class has of a limit. */ -}}
{{- define "weir.largest" -}}
{{- $largest := 0 -}}
{{- range include "weir.limit" . | fromYaml -}}{{- $largest = max $largest (int64 .) -}}{{- end -}}
{{- $largest -}}
{{- end }}

{{- /* Requests that wait when a stop begins are still served: the longest hold time, and 5 s for the Coreapp's answer. */ -}}
{{- define "weir.graceMs" -}}
{{- $given := ((.Values.config).stop).graceMs -}}
{{- if kindIs "invalid" $given -}}
{{- add (include "weir.largest" (list . "holdMaxMs") | int64) 5000 -}}
{{- else -}}
{{- $given | int64 -}}
{{- end -}}
{{- end }}

{{- /* How long a stop may take: a `preStop` that sleeps, lame duck and grace, rounded up to seconds. */ -}}
{{- define "weir.stopSeconds" -}}
{{- $lameDuckMs := include "weir.setting" (list . "stop" "lameDuckMs") | int64 -}}
{{- $preStopSeconds := (((.Values.lifecycle).preStop).sleep).seconds | default 0 | int64 -}}
{{- add $preStopSeconds (div (add $lameDuckMs (include "weir.graceMs" . | int64) 999) 1000) -}}
{{- end }}

{{- /* When Kubernetes kills: 10 s of slack, since a kill would lose what is in flight. */ -}}
{{- define "weir.terminationGracePeriodSeconds" -}}
{{- .Values.terminationGracePeriodSeconds | default (add 10 (include "weir.stopSeconds" . | int64)) -}}
{{- end }}

{{- /* How long a caller may wait for its answer at most: held to the end, then answered as late as the Coreapp may. */ -}}
{{- define "weir.callerTimeoutSeconds" -}}
{{- $answerMs := include "weir.setting" (list . "coreapp" "answerTimeoutMs") | int64 -}}
{{- div (add (include "weir.largest" (list . "holdMaxMs") | int64) $answerMs 5999) 1000 -}}
{{- end }}

{{- /* How long whoever is in front may keep an idle connection: a fifth less than Weir does. */ -}}
{{- define "weir.idleInFrontSeconds" -}}
{{- max 1 (div (include "weir.setting" (list . "http" "keepAliveTimeoutMs") | int64) 1250) -}}
{{- end }}

{{- /*
The most bytes of bodies in memory: what the lines of all classes may hold, and no more than a connection may bring into
memory, a small body or the buffer of 64 KiB on the way to a file, for each of them.
*/ -}}
{{- define "weir.bodiesInMemory" -}}
{{- $sum := 0 -}}
{{- range include "weir.limit" (list . "lineMaxBytes") | fromYaml -}}{{- $sum = add $sum (int64 .) -}}{{- end -}}
{{- $each := max 65536 (include "weir.setting" (list . "bodies" "memoryMaxBytes") | int64) -}}
{{- min $sum (mul $each (include "weir.setting" (list . "http" "connectionsMax") | int64)) -}}
{{- end }}

{{- /* The port of a URL, by its scheme where it names none. */ -}}
{{- define "weir.urlPort" -}}
{{- $url := urlParse . -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $named | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}
