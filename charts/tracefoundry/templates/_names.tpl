{{/* Name of the operator's objects: the release, with the chart's name unless it is in there. */}}
{{- define "tracefoundry.name" -}}
{{- if contains "tracefoundry" .Release.Name -}}
{{- printf "%s-operator" (.Release.Name | trunc 54 | trimSuffix "-") -}}
{{- else -}}
{{- printf "%s-tracefoundry-operator" (.Release.Name | trunc 41 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Labels that select the operator's pod. NetworkPolicies of instances admit it by the first. */}}
{{- define "tracefoundry.selector" -}}
app.kubernetes.io/name: tracefoundry-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tracefoundry.labels" -}}
{{ include "tracefoundry.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tracefoundry
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tracefoundry.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* What every container of this chart may do: nothing that it does not need. */}}
{{- define "tracefoundry.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tracefoundry.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}
