{{/* Labels of every object. */}}
{{- define "azuredisk.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ toYaml .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
Names of objects. V1 and AKS's add-on have objects of most of these names, so another name of the driver is in each:
what they leave, or AKS makes again, is another object then (docs/adr/0064). A name in the values is used as it is.
The name of the second scheduler is what pods write, and the same for each driver.
*/}}
{{- define "azuredisk.names" -}}
{{- $base := "azuredisk" -}}
{{- if ne .Values.driver.name "disk.csi.azure.com" -}}
{{- $base = printf "azuredisk-%s" (include "azuredisk.shortDriverName" .) -}}
{{- end -}}
rolePrefix: csi-{{ .Values.rbac.name | default $base }}
controller: {{ .Values.controller.name | default (printf "csi-%s-controller" $base) }}
node: {{ .Values.linux.dsName | default (printf "csi-%s-node" $base) }}
windowsNode: {{ .Values.windows.dsName | default (printf "csi-%s-node-win" $base) }}
{{- with .Values.serviceAccount }}
controllerAccount: {{ .controller | default (printf "csi-%s-controller-sa" $base) }}
nodeAccount: {{ .node | default (printf "csi-%s-node-sa" $base) }}
schedulerExtenderAccount: {{ .schedulerExtender | default (printf "csi-%s-scheduler-extender-sa" $base) }}
{{- end }}
{{- end -}}

{{/* The driver's name as part of an object's name. The names of workloads are labels, too: 63 characters. */}}
{{- define "azuredisk.shortDriverName" -}}
{{- $dashed := .Values.driver.name | replace "." "-" -}}
{{- if gt (len $dashed) 28 -}}
{{ $dashed | trunc 19 | trimSuffix "-" }}-{{ sha256sum .Values.driver.name | trunc 8 }}
{{- else -}}
{{ $dashed }}
{{- end -}}
{{- end -}}

{{/* The full name of an image; takes a list of the root and the image's values. */}}
{{- define "azuredisk.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $tag := $image.tag | default $root.Chart.AppVersion -}}
{{- if hasPrefix "/" $image.repository -}}
{{ $root.Values.image.baseRepo }}{{ $image.repository }}:{{ $tag }}
{{- else -}}
{{ $image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{- define "azuredisk.kubernetesVersion" -}}
{{ regexFind "^v[0-9]+[.][0-9]+[.][0-9]+" .Capabilities.KubeVersion.Version }}
{{- end -}}

{{/* A scheduler of another version may request what the API server does not have. */}}
{{- define "azuredisk.kubeSchedulerImage" -}}
{{- $tag := .Values.image.kubeScheduler.tag | default (include "azuredisk.kubernetesVersion" .) -}}
{{- include "azuredisk.image" (list . (merge (dict "tag" $tag) .Values.image.kubeScheduler)) -}}
{{- end -}}

{{/*
Why the second scheduler needs a tag, if it does: Kubernetes itself has no patch 100. Such versions are a provider's
own, as AKS's long-term support has them, and registry.k8s.io has no image of them.
*/}}
{{- define "azuredisk.missingSchedulerTag" -}}
{{- $version := include "azuredisk.kubernetesVersion" . -}}
{{- $minor := regexFind "^v[0-9]+[.][0-9]+" $version -}}
{{- if and (not .Values.image.kubeScheduler.tag) (ge (trimPrefix (printf "%s." $minor) $version | int) 100) -}}
the cluster's version {{ $version }} is one of a provider, such as AKS LTS, and has no image of kube-scheduler: set image.kubeScheduler.tag={{ $minor }}.<last patch of https://kubernetes.io/releases/patch-releases>, or schedulerExtender.enabled=false
{{- end -}}
{{- end -}}

{{/* V1's chart has log levels as numbers: its 5 logs what our info does. */}}
{{- define "azuredisk.logLevel" -}}
{{- if kindIs "string" . }}{{ . }}{{ else if gt (int .) 5 }}debug{{ else }}info{{ end -}}
{{- end -}}

{{/*
Further settings of a role as flags, and the arguments after them; takes a list of the root, the name of a role's
values and them. A boolean flag has no value, and is left out if it is off. The driver refuses a flag that it gets
twice.
*/}}
{{- define "azuredisk.furtherArgs" -}}
{{- $role := index . 1 -}}
{{- $own := index . 2 -}}
{{- $values := include "azuredisk.valuesOfFlags" . | fromYaml -}}
{{- range $name, $_ := $own.settings -}}
{{- $_ := set $values $name (printf "%s.settings.%s" $role $name) -}}
{{- end -}}
{{- range $argument := $own.extraArgs -}}
{{- $flag := regexFind "^--[^=[:space:]]+" $argument | trimPrefix "--" -}}
{{- if hasKey $values $flag -}}
{{- $remedy := get $values $flag | empty | ternary "its pods need it as it is" (printf "set %s instead" (get $values $flag)) -}}
{{- fail (printf "%s.extraArgs has %s, a flag that the chart sets itself: %s" $role $argument $remedy) -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $own.settings -}}
{{- if kindIs "bool" $value -}}
{{- if $value }}
- --{{ $name }}
{{- end }}
{{- else }}
- {{ printf "--%s=%s" $name (include "azuredisk.plain" $value) | quote }}
{{- end }}
{{- end }}
{{- range $own.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
The flags that the chart sets, each with the value that it has it from, if any; takes the same list. A file that the
chart does not mount may come from further volumes.
*/}}
{{- define "azuredisk.valuesOfFlags" -}}
{{- $azure := (index . 0).Values.azure -}}
{{- $role := index . 1 -}}
{{- $own := index . 2 -}}
driver-name: driver.name
namespace: objectNamespace
http-endpoint: {{ $role }}.metricsPort
log-level: {{ $role }}.logLevel
{{- if ne $role "schedulerExtender" }}
endpoint: ""
attach: attach
{{- end }}
{{- if eq $role "controller" }}
node-daemon-set: ""
force-detach-after-ms: controller.forceDetachAfterMs
fence-regular-detach-ms: controller.fenceRegularDetachMs
stopped-nodes: controller.stoppedNodes
{{- if or $own.cloudConfigSecretName $own.cloudConfigHostFile }}
cloud-config: controller.cloudConfigSecretName or controller.cloudConfigHostFile
{{- end }}
subscription-id: azure.subscriptionID
resource-group: azure.resourceGroup
location: azure.location
azure-cloud: azure.cloud
azure-endpoint: azure.endpoint
{{- if $azure.caCertificate }}
azure-ca-file: azure.caCertificate
{{- end }}
azure-time-scale: azure.timeScale
custom-user-agent: driver.customUserAgent
user-agent-suffix: driver.userAgentSuffix
{{- else if eq $role "node" }}
node-name: ""
kubelet-dir: linux.kubelet or windows.kubelet
state-dir: linux.stateDir or windows.stateDir
max-volumes: driver.volumeAttachLimit
reserved-data-disk-slot-num: node.reservedDataDiskSlotNum
remove-not-ready-taint: node.removeNotReadyTaint
reserve-disks: driver.reserveDisks
metadata-endpoint: node.metadataEndpoint
{{- if and $own.metadataEndpoint $azure.caCertificate }}
metadata-ca-file: azure.caCertificate
{{- end }}
registration-socket: node.nodeDriverRegistrar.enabled
kubelet-registration-path: node.nodeDriverRegistrar.enabled
daemon-set: ""
{{- else }}
extender-endpoint: schedulerExtender.port
{{- end }}
{{- end -}}

{{/* A value as people write it: lists by comma, whole numbers without an exponent. */}}
{{- define "azuredisk.plain" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* The parameters of a StorageClass: to Kubernetes each is a text, whatever `--set` or YAML has made of it. */}}
{{- define "azuredisk.classParameters" -}}
{{- $texts := dict -}}
{{- range $name, $value := .parameters -}}
{{- $_ := set $texts $name (include "azuredisk.plain" $value) -}}
{{- end -}}
{{- if $texts }}{{ toYaml $texts }}{{ end -}}
{{- end -}}

{{/* Whether csi-snapshotter runs. Its Lease in kube-system would look like V1's. */}}
{{- define "azuredisk.hasSnapshotter" -}}
{{- $mode := .Values.snapshot.snapshotter -}}
{{- $isWanted := or .Values.snapshot.enabled (.Capabilities.APIVersions.Has "snapshot.storage.k8s.io/v1") -}}
{{- if or (eq $mode "always") (and (eq $mode "auto") $isWanted) -}}
{{- if ne .Values.objectNamespace "kube-system" -}}
yes
{{- else -}}
{{- fail "snapshot.snapshotter: csi-snapshotter keeps its Lease in objectNamespace, and in kube-system that Lease is the mark of a V1 driver: set objectNamespace to another namespace, or snapshot.snapshotter to never" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The port of a sidecar's metrics, if it serves any; takes a list of the controller's values and its place. */}}
{{- define "azuredisk.sidecarPort" -}}
{{- $own := index . 0 -}}
{{- if $own.sidecarMetrics.enabled -}}
{{- add $own.sidecarMetrics.firstPort (index . 1) -}}
{{- end -}}
{{- end -}}

{{/*
Refuses two values that name one port of a pod, or of a node where pods of controllers and node plug-ins are on its
network: the second pod would never be scheduled there.
*/}}
{{- define "azuredisk.refuseSharedPorts" -}}
{{- $own := .Values.controller -}}
{{- $node := .Values.node -}}
{{- $ofController := list (list "controller.metricsPort" $own.metricsPort) -}}
{{- if $own.livenessProbe.enabled -}}
{{- $ofController = append $ofController (list "controller.livenessProbe.healthPort" $own.livenessProbe.healthPort) -}}
{{- end -}}
{{- range $place := until 4 -}}
{{- with include "azuredisk.sidecarPort" (list $own $place) -}}
{{- $ofController = append $ofController (list "controller.sidecarMetrics.firstPort, with the three ports after it," .) -}}
{{- end -}}
{{- end -}}
{{- $ofNode := list (list "node.metricsPort" $node.metricsPort) -}}
{{- if $node.livenessProbe.enabled -}}
{{- $ofNode = append $ofNode (list "node.livenessProbe.healthPort" $node.livenessProbe.healthPort) -}}
{{- end -}}
{{- if $node.nodeDriverRegistrar.enabled -}}
{{- $ofNode = append $ofNode (list "node.nodeDriverRegistrar.healthPort" $node.nodeDriverRegistrar.healthPort) -}}
{{- end -}}
{{- $networks := list $ofController $ofNode -}}
{{- if and .Values.linux.enabled .Values.linux.hostNetwork $own.hostNetwork -}}
{{- $networks = list (concat $ofController $ofNode) -}}
{{- end -}}
{{- range $ports := $networks -}}
{{- $values := dict -}}
{{- range $ports -}}
{{- $port := index . 1 | int64 | toString -}}
{{- if hasKey $values $port -}}
{{- fail (printf "port %s is of %s and of %s: change one of them" $port (get $values $port) (index . 0)) -}}
{{- end -}}
{{- $_ := set $values $port (index . 0) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The security context of a container that needs no privileges. */}}
{{- define "azuredisk.withoutRights" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{/* A pod without privileges, run by the image's own user, whose containers can write its volumes. */}}
{{- define "azuredisk.podWithoutRights" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The same for a pod that calls Azure: as root, still without any right, where only root reads its azure.json. */}}
{{- define "azuredisk.podOfAzure" -}}
{{- if .Values.controller.cloudConfigHostFile -}}
runAsUser: 0
runAsGroup: 0
seccompProfile:
  type: RuntimeDefault
{{- else -}}
{{- include "azuredisk.podWithoutRights" . }}
{{- end -}}
{{- end -}}

{{/*
Probes of a role: it is alive from the start, and ready once it knows the cluster. Takes the name of a port.
A process that hangs is restarted after two and a half minutes, plus the pod's terminationGracePeriodSeconds.
*/}}
{{- define "azuredisk.probes" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: {{ . }}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 5
{{ include "azuredisk.readinessProbe" . }}
{{- end -}}

{{/*
Probes of a controller. The sidecars in its pod call it alone, and hold their own Leases while it hangs: until it is
restarted nothing is attached. After 30 to 40 s it is killed. It can't answer a signal, so that its grace is short.
Until it first answers it has two minutes: it starts slowly on a node that is busy, and a kill would not speed it up.
*/}}
{{- define "azuredisk.controllerProbes" -}}
startupProbe:
  httpGet:
    path: /healthz
    port: {{ . }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /healthz
    port: {{ . }}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 3
  terminationGracePeriodSeconds: 5
{{ include "azuredisk.readinessProbe" . }}
{{- end -}}

{{- define "azuredisk.readinessProbe" -}}
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ . }}
  initialDelaySeconds: 2
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/*
Spreads a Deployment's pods over nodes, then over zones; in a rollout only the new ones count.
Takes the name of their label.
*/}}
{{- define "azuredisk.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        app: {{ . }}
    matchLabelKeys:
      - pod-template-hash
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        app: {{ . }}
    matchLabelKeys:
      - pod-template-hash
{{- end -}}

{{- define "azuredisk.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ required "imagePullSecrets: an object lacks its name" .name }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Metadata of a workload; takes a dict of root, name and values. */}}
{{- define "azuredisk.workloadMeta" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  app: {{ .name }}
  {{- include "azuredisk.labels" .root | nindent 2 }}
  {{- with .values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Metadata of a workload's pods; the same dict, with further labels and annotations. */}}
{{- define "azuredisk.podMeta" -}}
labels:
  app: {{ .name }}
  {{- include "azuredisk.labels" .root | nindent 2 }}
  {{- with merge (dict) .values.podLabels (.labels | default dict) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) .values.podAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* At least one pod of a Deployment stays through voluntary evictions; takes a dict of root, name and values. */}}
{{- define "azuredisk.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "azuredisk.labels" .root | nindent 4 }}
spec:
  maxUnavailable: 1
  # Otherwise two pods that are not ready would hold up every drain of their nodes.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app: {{ .name }}
{{- end -}}

{{- define "azuredisk.csiDriverSpec" -}}
attachRequired: {{ eq .Values.attach "kubernetes" }}
podInfoOnMount: false
{{- if .Values.feature.enableFSGroupPolicy }}
fsGroupPolicy: File
{{- else }}
fsGroupPolicy: ReadWriteOnceWithFSType
{{- end }}
seLinuxMount: false
storageCapacity: false
volumeLifecycleModes:
  - Persistent
{{- /*
Before 1.33 the field is unknown, and Helm 4, which applies on the server, fails. 1.33 and 1.34 drop it without their
feature gate, and a GitOps tool would apply it again and again.
*/}}
{{- if semverCompare ">=1.35.0-0" .Capabilities.KubeVersion.Version }}
{{- with .Values.driver.nodeAllocatableUpdatePeriodSeconds }}
{{- if lt (int .) 10 }}
{{- fail (printf "driver.nodeAllocatableUpdatePeriodSeconds is %d: Kubernetes takes 10 seconds or more; 0 leaves it out" (int .)) }}
{{- end }}
nodeAllocatableUpdatePeriodSeconds: {{ . }}
{{- end }}
{{- end }}
{{- /* As above: 1.35 and 1.36 drop the field without their feature gate. Pods would go where the user forbade it. */}}
{{- if .Values.driver.preventPodSchedulingIfMissing }}
{{- $version := .Capabilities.KubeVersion.Version }}
{{- if semverCompare "<1.37.0-0" $version }}
{{- fail (printf "driver.preventPodSchedulingIfMissing is true, but Kubernetes %s does not know it: 1.37 and newer do. Set it to false, and start new nodes with the taint %s/agent-not-ready:NoExecute, which the node plug-ins remove" $version .Values.driver.name) }}
{{- end }}
preventPodSchedulingIfMissing: true
{{- end }}
{{- end -}}

{{/* The kubelet's folder of the driver, with the socket that it calls. */}}
{{- define "azuredisk.pluginDir" -}}
{{ .Values.linux.kubelet }}/plugins/{{ .Values.driver.name }}
{{- end -}}

{{/* The DaemonSets of node plug-ins, as the controller knows its own. */}}
{{- define "azuredisk.nodeDaemonSets" -}}
{{- $names := include "azuredisk.names" . | fromYaml -}}
{{ .Release.Namespace }}/{{ $names.node }}{{ if .Values.windows.enabled }},{{ .Release.Namespace }}/{{ $names.windowsNode }}{{ end }}
{{- end -}}

{{/* The kubelet's folder of the driver on Windows. */}}
{{- define "azuredisk.windowsPluginDir" -}}
{{ .Values.windows.kubelet }}\plugins\{{ .Values.driver.name }}
{{- end -}}

{{- /* How the controller, and the preflight like it, reach Azure. */ -}}
{{- define "azuredisk.azureArgs" -}}
{{- with .Values.controller.cloudConfigHostFile }}
- --cloud-config=/etc/azuredisk-csi-driver-host/{{ base . }}
{{- end }}
{{- if .Values.controller.cloudConfigSecretName }}
- --cloud-config=/etc/azuredisk-csi-driver/cloud-config
{{- end }}
{{- with .Values.azure }}
{{- with .subscriptionID }}
- --subscription-id={{ . }}
{{- end }}
{{- with .resourceGroup }}
- --resource-group={{ . }}
{{- end }}
{{- with .location }}
- --location={{ . }}
{{- end }}
{{- with .cloud }}
- --azure-cloud={{ . }}
{{- end }}
{{- with .endpoint }}
- --azure-endpoint={{ . }}
{{- end }}
{{- if .caCertificate }}
- --azure-ca-file=/etc/azuredisk-csi-driver-ca/ca.pem
{{- end }}
{{- end }}
{{- with .Values.driver.customUserAgent }}
- {{ printf "--custom-user-agent=%s" . | quote }}
{{- end }}
{{- with .Values.driver.userAgentSuffix }}
- {{ printf "--user-agent-suffix=%s" . | quote }}
{{- end }}
{{- end -}}

{{- define "azuredisk.azureEnv" -}}
{{- with .Values.azure.authorityHost }}
- name: AZURE_AUTHORITY_HOST
  value: {{ . | quote }}
{{- end }}
{{- range $variable, $value := dict "HTTPS_PROXY" .Values.driver.httpsProxy "HTTP_PROXY" .Values.driver.httpProxy "NO_PROXY" .Values.driver.noProxy }}
{{- if $value }}
- name: {{ $variable }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.controller.extraEnv }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "azuredisk.azureMounts" -}}
{{- if .Values.controller.cloudConfigHostFile }}
- name: cloud-config
  mountPath: /etc/azuredisk-csi-driver-host
  readOnly: true
{{- end }}
{{- if .Values.controller.cloudConfigSecretName }}
- name: cloud-config
  mountPath: /etc/azuredisk-csi-driver
  readOnly: true
{{- end }}
{{- if .Values.azure.caCertificate }}
- name: ca-certificate
  mountPath: /etc/azuredisk-csi-driver-ca
  readOnly: true
{{- end }}
{{- with .Values.controller.extraVolumeMounts }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "azuredisk.azureVolumes" -}}
{{- with .Values.controller.cloudConfigHostFile }}
# The folder, since a mount of the file alone keeps the old one when another takes its place.
- name: cloud-config
  hostPath:
    path: {{ dir . }}
    type: Directory
{{- end }}
{{- if .Values.controller.cloudConfigSecretName }}
- name: cloud-config
  secret:
    secretName: {{ .Values.controller.cloudConfigSecretName }}
    # 0440: what reads YAML 1.2 takes that for a decimal number.
    defaultMode: 288
    items:
      - key: cloud-config
        path: cloud-config
{{- end }}
{{- if .Values.azure.caCertificate }}
- name: ca-certificate
  configMap:
    name: {{ (include "azuredisk.names" . | fromYaml).controller }}-ca
{{- end }}
{{- with .Values.controller.extraVolumes }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}
