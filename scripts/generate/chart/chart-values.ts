import { cloudNames } from "../../../src/adapters/azure-sdk/azure-config.ts";
import type { Option, Options } from "../../../src/cli/options.ts";
import { controllerRole } from "../../../src/compose/roles/controller-role.ts";
import { nodeRole } from "../../../src/compose/roles/node-role.ts";
import { schedulerExtenderRole } from "../../../src/compose/roles/scheduler-extender-role.ts";
import { detachOptions } from "../../../src/compose/settings/detach-options.ts";
import { driverNamePattern } from "../../../src/core/api/driver-name.ts";
import type { Platform } from "../../../src/core/platform/platform.ts";
import {
  choice,
  derivedName,
  flag,
  group,
  guid,
  imageName,
  imageTag,
  object,
  objectName,
  objects,
  port,
  tenant,
  text,
  texts,
  textsByName,
  variables,
  webAddress,
  whole,
} from "./chart-value.ts";
import type { ChartValue, ChartValues } from "./chart-value.ts";

/** Flags that the chart sets itself, from values of its own or because a pod needs them. */
export const GIVEN_BY_CHART: readonly string[] = [
  "endpoint",
  "driver-name",
  "namespace",
  "kubeconfig",
  "store-socket",
  "http-endpoint",
  "log-level",
  "cloud-config",
  "azure-cloud",
  "azure-endpoint",
  "azure-ca-file",
  "azure-time-scale",
  "subscription-id",
  "resource-group",
  "location",
  "custom-user-agent",
  "user-agent-suffix",
  "node-name",
  "attach",
  "kubelet-dir",
  "state-dir",
  "registration-socket",
  "max-volumes",
  "reserved-data-disk-slot-num",
  "remove-not-ready-taint",
  "reserve-disks",
  "metadata-endpoint",
  "metadata-ca-file",
  "daemon-set",
  "node-daemon-set",
  "kubelet-registration-path",
  "extender-endpoint",
  "force-detach-after-ms",
  "fence-regular-detach-ms",
  "stopped-nodes",
];

const MAX_WORKERS = 10_000;
const MAX_VOLUMES = 64;
const MAX_KLOG_LEVEL = 10;
/** A folder without a backslash at its end. */
const WINDOWS_FOLDER = "^[A-Za-z]:\\\\.*[^\\\\]$";

const logLevel: ChartValue = {
  kind: "either",
  about:
    "Least severe lines that the driver logs. V1's numbers are understood: up to 5 is `info`, above `debug`",
  of: [choice(["debug", "info", "warn", "error"], ""), whole(0, MAX_KLOG_LEVEL, "")],
};
const klogLevel = (whose: string): ChartValue =>
  whole(0, MAX_KLOG_LEVEL, `How much ${whose} logs (klog's \`--v\`)`);
const memory = (container: string): ChartValue => object(`Requests and limits of container \`${container}\``);

const image = (what: string, tag = "Its tag"): ChartValue =>
  group({
    repository: imageName(`${what}; with a leading slash it follows \`image.baseRepo\``),
    tag: imageTag(tag),
    pullPolicy: choice(["Always", "IfNotPresent", "Never"], "When nodes pull it"),
  });

/** Labels that the chart gives each of its objects. */
const OWN_LABELS: readonly string[] = [
  ...["name", "instance", "version", "managed-by"].map((name) => `app.kubernetes.io/${name}`),
  "helm.sh/chart",
];
/** By `app`, each workload finds its pods. */
const WORKLOAD_LABELS: readonly string[] = ["app", ...OWN_LABELS];

const metadata: ChartValues = {
  labels: textsByName("Further labels of the workload", WORKLOAD_LABELS),
  annotations: textsByName("Annotations of the workload"),
  podLabels: textsByName("Further labels of its pods", WORKLOAD_LABELS),
  podAnnotations: textsByName("Annotations of its pods"),
};

const placement = (platform: Platform): ChartValues => ({
  nodeSelector: textsByName(
    `Labels of the nodes that its pods may run on, beside \`kubernetes.io/os: ${platform}\``,
  ),
  affinity: object("Affinity of its pods"),
  tolerations: objects("Tolerations of its pods"),
});

function process(role: { readonly options: Options }): ChartValues {
  return {
    logLevel,
    settings: settingsOf(role.options),
    extraArgs: texts(
      "Further arguments of container `azuredisk`. Of a flag that the chart sets, set the value instead",
    ),
    extraEnv: variables("Further environment variables of container `azuredisk`"),
    priorityClassName: text("Priority class of its pods"),
  };
}

const volumes: ChartValues = {
  extraVolumes: objects("Further volumes of its pods"),
  extraVolumeMounts: objects("Further mounts of container `azuredisk`"),
};

const budget: ChartValue = group({
  enabled: flag("Whether at most one of its pods that are ready may be evicted at a time"),
});

/** Every value of the chart. */
export function chartValues(): ChartValues {
  return {
    attach: choice(
      ["kubernetes", "driver"],
      "Which component requests a volume on a node. `kubernetes`: VolumeAttachments and csi-attacher. " +
        "`driver`: NodeStageVolume (`attachRequired: false`), which saves seconds of each failover; see " +
        "docs/install.md before you switch",
    ),
    image: group({
      baseRepo: imageName("Goes before every repository that begins with a slash"),
      azuredisk: group({
        repository: imageName(
          "The driver's image. None is published: build it with `npm run image`, and push it where your " +
            "nodes reach it",
        ),
        tag: imageTag("Its tag; empty: the chart's version"),
        pullPolicy: choice(["Always", "IfNotPresent", "Never"], "When nodes pull it"),
      }),
      azurediskWindows: image(
        "The driver's image for Windows nodes, which no registry has either",
        "Its tag; empty: the chart's version",
      ),
      csiProvisioner: image("Image of the sidecar csi-provisioner"),
      csiAttacher: image("Image of the sidecar csi-attacher"),
      csiResizer: image("Image of the sidecar csi-resizer"),
      csiSnapshotter: image("Image of the sidecar csi-snapshotter"),
      csiSnapshotController: image("Image of snapshot-controller"),
      livenessProbe: image("Image of the sidecar livenessprobe"),
      nodeDriverRegistrar: image("Image of the sidecar node-driver-registrar"),
      kubeScheduler: image(
        "Image of the second scheduler",
        "Its tag; empty: the cluster's version at the install or upgrade. Must be set on AKS LTS",
      ),
    }),
    imagePullSecrets: {
      kind: "either",
      about: "Secrets for pulling images: names, or objects with a `name`",
      of: [texts(""), objects("")],
    },
    serviceAccount: group({
      create: flag("Whether the chart makes them; otherwise they must be there"),
      controller: derivedName("Service account of the controller", "csi-azuredisk-controller-sa"),
      node: derivedName("Service account of the node plug-ins", "csi-azuredisk-node-sa"),
      schedulerExtender: derivedName(
        "Service account of the second scheduler and its extender",
        "csi-azuredisk-scheduler-extender-sa",
      ),
      snapshotController: objectName("Service account of snapshot-controller"),
    }),
    rbac: group({
      create: flag("Whether the chart makes roles and bindings"),
      name: derivedName("In the names of cluster roles: `csi-<name>-controller`, ...", "azuredisk"),
      aggregate: flag(
        "Whether people with Kubernetes' role `view`, and so with `edit` and `admin`, may read the " +
          "driver's objects; with `snapshot.enabled` also VolumeSnapshots, which `edit` and `admin` may " +
          "then make and delete. No role lets people write the driver's objects",
      ),
    }),
    admissionPolicy: group({
      enabled: flag(
        "Whether ValidatingAdmissionPolicies hold each node plug-in's token to its own node's objects, " +
          "and to its own steps of a writer record, and the controller's to its mark of a Node",
      ),
    }),
    driver: group({
      name: {
        kind: "text",
        about:
          "Name of the driver, as in StorageClasses and PersistentVolumes. The zone label of its nodes and " +
          "volumes is `topology.<name>/zone`. An installed release keeps its name",
        pattern: driverNamePattern.source,
      },
      takeOver: flag(
        "Whether a CSIDriver of that name that another release or V1 has left behind is taken over " +
          "(with `--take-ownership`). Workloads of another Azure disk driver are refused all the same",
      ),
      volumeAttachLimit: {
        kind: "number",
        min: -1,
        max: MAX_VOLUMES,
        isWhole: true,
        about: "Data disks that a node takes; -1: what its VM size takes",
      },
      nodeAllocatableUpdatePeriodSeconds: {
        kind: "number",
        min: 0,
        max: 86_400,
        isWhole: true,
        about:
          "How often the kubelet updates how many disks its node takes, in seconds: 10 or more. 0, and " +
          "before Kubernetes 1.35, which drops the field by default: only once, and " +
          "a pod that comes to a full node waits there instead of being moved",
      },
      preventPodSchedulingIfMissing: flag(
        "Whether the scheduler keeps pods with disks from nodes on which the driver has not registered, " +
          "such as new and virtual ones. Refused before Kubernetes 1.37. A cluster autoscaler then has to " +
          "know the drivers of nodes (`--enable-csi-node-aware-scheduling`), or adds no node for such pods",
      ),
      reserveDisks: flag(
        "Whether each Linux node reserves the shared disk that it writes (SCSI persistent reservations), " +
          "so that a node with a replica can cut it off without Azure. See docs/install.md first",
      ),
      customUserAgent: text("User-Agent of calls to Azure; empty: the driver's name and version"),
      userAgentSuffix: text("What follows in that User-Agent, such as the name of a distribution"),
      httpsProxy: webAddress(
        "Proxy to Azure, as `HTTPS_PROXY`. The pods and Helm's release show it: a password of it comes " +
          "from a Secret by `controller.extraEnv` instead",
      ),
      httpProxy: webAddress(
        "Proxy of sign-ins, as `HTTP_PROXY`, where `httpsProxy` is empty; calls to Azure have `httpsProxy` " +
          "alone",
      ),
      noProxy: text(
        "What is reached without a proxy, as `NO_PROXY`: names of hosts, and domains that begin with a dot",
      ),
    }),
    objectNamespace: objectName(
      "Namespace of AzVolumes, AzVolumeAttachments, AzDriverNodes and the leader's Lease; made by the " +
        "chart and kept by uninstall",
    ),
    feature: group({
      enableFSGroupPolicy: flag(
        "Whether a pod's `fsGroup` is applied to every file system (`fsGroupPolicy: File`)",
      ),
    }),
    workloadIdentity: group({
      clientID: guid(
        "Client id (a GUID) of the identity that the controller's service account stands for; empty: no " +
          "workload identity",
      ),
      tenantID: tenant("Its tenant, by GUID or domain, if it is not the cluster's"),
    }),
    azure: group({
      subscriptionID: guid("Id of the cluster's subscription; wins over the cloud config"),
      resourceGroup: text("Resource group of the cluster's VMs and of new disks; wins over the cloud config"),
      location: text("Region of new disks; wins over the cloud config"),
      cloud: choice(
        ["", ...cloudNames],
        "Azure's cloud; empty: the cloud config's, or the one in which the pod signs in, which workload " +
          "identity sets",
      ),
      endpoint: webAddress("Azure Resource Manager of an emulator or another cloud"),
      authorityHost: webAddress("Authority that issues tokens there"),
      caCertificate: text("PEM of the authority that signed their certificates"),
      timeScale: {
        kind: "number",
        min: 0.0001,
        max: 1,
        isWhole: false,
        about: "Scale of the driver's waits for Azure, for emulators that run faster than Azure",
      },
    }),
    controller: group({
      name: derivedName("Name of the Deployment, and its label `app`", "csi-azuredisk-controller"),
      replicas: whole(1, 10, "How many pods; one leads, all answer calls"),
      cloudConfigSecretName: {
        kind: "text",
        pattern: "^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$",
        about:
          "Secret whose key `cloud-config` is an azure.json; empty: none, and `azure.*` and " +
          "`workloadIdentity.*` say everything",
      },
      cloudConfigSecretNamespace: objectName("Its namespace: the release's"),
      cloudConfigHostFile: {
        kind: "text",
        pattern: "^(/[^/]+/.*[^/])?$",
        about:
          "azure.json on the nodes, read instead of a secret, with all of its folder; the pod then runs as " +
          "root, without capabilities; empty: none",
      },
      ...process(controllerRole),
      forceDetachAfterMs: wholeOf(
        detachOptions["force-detach-after-ms"],
        "How long a regular detach may take before it is force-detached, in milliseconds",
      ),
      fenceRegularDetachMs: wholeOf(
        detachOptions["fence-regular-detach-ms"],
        "How long a fence tries a regular detach first where the VM runs and its agent answers, in " +
          "milliseconds; 0: always by force",
      ),
      stoppedNodes: choice(
        ["mark", "wait"],
        "Whether the controller sets the out-of-service taint on a silent node whose VM Azure shows as " +
          "stopped or deallocated, and removes it when the node returns (`mark`), or a person does (`wait`)",
      ),
      sidecarLogLevel: klogLevel("each sidecar"),
      metricsPort: port("Port of `/healthz`, `/readyz` and `/metrics`"),
      sidecarMetrics: group({
        enabled: flag("Whether the sidecars serve `/metrics`, too"),
        firstPort: port(
          "Port of csi-provisioner's; csi-attacher, csi-resizer and csi-snapshotter have the next three. " +
            "None of the four may be `metricsPort`",
          3,
        ),
      }),
      provisionerWorkerThreads: whole(
        1,
        MAX_WORKERS,
        "Volumes that csi-provisioner makes and deletes at a time",
      ),
      attacherWorkerThreads: whole(1, MAX_WORKERS, "Attachments that csi-attacher handles at a time"),
      resizerWorkerThreads: whole(1, MAX_WORKERS, "Volumes that csi-resizer expands at a time"),
      snapshotterWorkerThreads: whole(1, MAX_WORKERS, "Snapshots that csi-snapshotter handles at a time"),
      featureGates: group({
        csiProvisioner: texts("Feature gates of csi-provisioner"),
        csiAttacher: texts("Feature gates of csi-attacher"),
        csiResizer: texts("Feature gates of csi-resizer"),
      }),
      livenessProbe: group({
        enabled: flag("Whether the sidecar livenessprobe runs, too"),
        healthPort: port("Its port"),
      }),
      runOnMaster: flag("Only on nodes labelled `node-role.kubernetes.io/master`; not with `affinity`"),
      runOnControlPlane: flag(
        "Only on nodes labelled `node-role.kubernetes.io/control-plane`; not with `affinity`",
      ),
      hostNetwork: flag(
        "Whether its pods are on the nodes' network: managed identities need it on many clusters",
      ),
      terminationGracePeriodSeconds: whole(1, 3_600, "How long a pod may take to end, in seconds"),
      podDisruptionBudget: budget,
      ...metadata,
      ...volumes,
      ...placement("linux"),
      resources: group({
        csiProvisioner: memory("csi-provisioner"),
        csiAttacher: memory("csi-attacher"),
        csiResizer: memory("csi-resizer"),
        csiSnapshotter: memory("csi-snapshotter"),
        livenessProbe: memory("liveness-probe"),
        azuredisk: memory("azuredisk"),
      }),
    }),
    node: group({
      ...process(nodeRole),
      metricsPort: port("Port of `/healthz`, `/readyz` and `/metrics` on each node"),
      updateStrategy: choice(
        ["RollingUpdate", "OnDelete"],
        "When node plug-ins are replaced in an upgrade: one after the other, or each once its pod is deleted",
      ),
      maxUnavailable: {
        kind: "either",
        about: "Node plug-ins that a rolling update replaces at a time: a number, or a share such as `10%`",
        of: [whole(1, 5_000, ""), { kind: "text", about: "", pattern: "^([1-9][0-9]?|100)%$" }],
      },
      reservedDataDiskSlotNum: whole(
        0,
        MAX_VOLUMES,
        "Data disk slots of each node that are left to others; only with `driver.volumeAttachLimit: -1`",
      ),
      removeNotReadyTaint: flag(
        "Whether a node plug-in that is ready takes the taint `<driver name>/agent-not-ready` off its node",
      ),
      metadataEndpoint: text("Instead of Azure's instance metadata service, as a URL"),
      livenessProbe: group({
        enabled: flag("Whether the sidecar livenessprobe runs, too"),
        healthPort: port("Its port"),
      }),
      nodeDriverRegistrar: group({
        enabled: flag(
          "Whether the sidecar node-driver-registrar registers the driver, instead of the driver itself",
        ),
        healthPort: port("Its port"),
      }),
      terminationGracePeriodSeconds: whole(
        1,
        3_600,
        "How long a pod may take to end, in seconds: on a node that is drained it waits until the " +
          "node's disks are off",
      ),
    }),
    linux: group({
      enabled: flag("Whether there are node plug-ins at all"),
      dsName: derivedName("Name of the DaemonSet, and its label `app`", "csi-azuredisk-node"),
      kubelet: { kind: "text", pattern: "^/", about: "The kubelet's folder" },
      stateDir: {
        kind: "text",
        pattern: "^/",
        about: "Folder of each node for the plug-in's checkpoints and locks; must survive reboots",
      },
      hostNetwork: flag(
        "Whether its pods are on the nodes' network: the instance metadata service needs it on many clusters",
      ),
      ...metadata,
      ...volumes,
      ...placement("linux"),
      nodeAffinity: object("Node affinity of its pods"),
      resources: group({
        livenessProbe: memory("liveness-probe"),
        nodeDriverRegistrar: memory("node-driver-registrar"),
        azuredisk: memory("azuredisk"),
      }),
    }),
    windows: group({
      enabled: flag(
        "Whether there are node plug-ins on Windows nodes. They have never been run on Windows: see " +
          "docs/windows.md",
      ),
      dsName: derivedName("Name of the DaemonSet, and its label `app`", "csi-azuredisk-node-win"),
      kubelet: { kind: "text", pattern: WINDOWS_FOLDER, about: "The kubelet's folder" },
      stateDir: {
        kind: "text",
        pattern: WINDOWS_FOLDER,
        about: "Folder of each node for the plug-in's checkpoints; must survive reboots",
      },
      ...metadata,
      ...placement("windows"),
      nodeAffinity: object("Node affinity of its pods"),
      resources: group({
        livenessProbe: memory("liveness-probe"),
        nodeDriverRegistrar: memory("node-driver-registrar"),
        azuredisk: memory("azuredisk"),
      }),
    }),
    schedulerExtender: group({
      enabled: flag(
        "Whether there is a second scheduler, which prefers nodes that have a pod's disks already",
      ),
      name: objectName(
        "Its name: of the Deployment, its label `app`, its Lease, and what pods write into `schedulerName`",
      ),
      replicas: whole(1, 10, "How many pods; one schedules"),
      port: port("Port of the extender on loopback"),
      metricsPort: port("Port of the extender's `/healthz`, `/readyz` and `/metrics`"),
      weight: whole(
        1,
        1_000,
        "What a disk that is there already counts beside the scheduler's other preferences: 30 " +
          "outweighs them together",
      ),
      schedulerLogLevel: klogLevel("kube-scheduler"),
      ...process(schedulerExtenderRole),
      podDisruptionBudget: budget,
      ...metadata,
      ...placement("linux"),
      resources: group({ kubeScheduler: memory("kube-scheduler"), azuredisk: memory("azuredisk") }),
    }),
    snapshot: group({
      enabled: flag(
        "Whether the chart installs the definitions of VolumeSnapshots and snapshot-controller. A cluster " +
          "has them once: leave it off where it has them, as AKS does",
      ),
      snapshotter: choice(
        ["auto", "always", "never"],
        "When the sidecar csi-snapshotter runs. `auto`: with `enabled`, or where the cluster has the " +
          "definitions at the install or upgrade; `helm template` knows of them by `--api-versions`. With " +
          "`objectNamespace: kube-system` only `never`",
      ),
      name: objectName("Name of the Deployment of snapshot-controller, and its label `app`"),
      replicas: whole(1, 10, "How many pods; one leads"),
      priorityClassName: text("Priority class of its pods"),
      podDisruptionBudget: budget,
      ...metadata,
      ...placement("linux"),
      resources: group({ csiSnapshotController: memory("snapshot-controller") }),
    }),
    metrics: group({
      podMonitor: group({
        enabled: flag("Whether there is a PodMonitor of all of the driver's pods"),
        apiVersion: choice(
          ["monitoring.coreos.com/v1", "azmonitoring.coreos.com/v1"],
          "Whose PodMonitor: the Prometheus Operator's, or that of Azure's managed Prometheus",
        ),
        interval: {
          kind: "text",
          about: "How often the pods are scraped, such as `30s`; empty: as Prometheus does by default",
          pattern: "^([1-9][0-9]*(s|m))?$",
        },
        labels: textsByName("Further labels of it, by which a Prometheus may select it", OWN_LABELS),
      }),
      prometheusRule: group({
        enabled: flag(
          "Whether there is a PrometheusRule with the [alerts](alerts.md); the Prometheus Operator's",
        ),
        runbookUrl: webAddress(
          "Address of the page of [runbooks](alerts.md), such as a copy in a wiki: each alert then has the " +
            "annotation `runbook_url` with its section",
        ),
        labels: textsByName("Further labels of it, by which a Prometheus may select it", OWN_LABELS),
      }),
      dashboard: group({
        enabled: flag("Whether there is a ConfigMap with a dashboard for Grafana"),
        labels: textsByName("Further labels of it, by which Grafana's sidecar finds it", OWN_LABELS),
      }),
    }),
    storageClasses: {
      kind: "named",
      about: "StorageClasses by name; add your own, or switch these off",
      of: group({
        enabled: flag("Whether it is made"),
        default: flag("Whether it is the cluster's default"),
        reclaimPolicy: choice(["Delete", "Retain"], "What becomes of the disk when its claim is deleted"),
        volumeBindingMode: choice(
          ["WaitForFirstConsumer", "Immediate"],
          "Whether the disk is made for the first pod, or at once",
        ),
        allowVolumeExpansion: flag("Whether claims may be enlarged"),
        mountOptions: texts("Mount options"),
        annotations: textsByName("Its annotations"),
        parameters: object("Parameters, such as `skuName`, `maxShares`, `maxMountReplicaCount`"),
      }),
    },
  };
}

/** A setting of a role that has a value of its own. */
function wholeOf({ min, max }: { readonly min: number; readonly max: number }, about: string): ChartValue {
  return whole(min, max, about);
}

function settingsOf(options: Options): ChartValue {
  const further = Object.entries(options).filter(([name]) => !GIVEN_BY_CHART.includes(name));
  return group(Object.fromEntries(further.map(([name, option]) => [name, settingOf(option)])));
}

/** docs/reference/settings.md explains it. */
function settingOf(option: Option): ChartValue {
  const about = "";
  switch (option.kind) {
    case "text":
      return text(about);
    case "list":
      return texts(about);
    case "number":
      return { kind: "number", min: option.min, max: option.max, isWhole: option.isWhole === true, about };
    case "choice":
      return choice(option.choices, about);
    case "flag":
      return flag(about);
  }
}
