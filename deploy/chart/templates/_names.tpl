{{- define "sealgate.name" -}}
{{- if contains "sealgate" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-sealgate" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sealgate.selector" -}}
app.kubernetes.io/name: sealgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sealgate.labels" -}}
{{ include "sealgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "sealgate.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "sealgate.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "sealgate.sessionSecret" -}}
{{- .Values.session.existingSecret | default (printf "%s-session" (include "sealgate.name" .)) }}
{{- end }}

{{- define "sealgate.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* The namespaces that may be looked into, as JSON; empty means all. The chart's own Gateway must be seen. */}}
{{- define "sealgate.namespaces" -}}
{{- $namespaces := .Values.watchNamespaces }}
{{- if and $namespaces .Values.gateway.create }}{{ $namespaces = append $namespaces .Release.Namespace | uniq }}{{ end }}
{{- toJson $namespaces }}
{{- end }}
