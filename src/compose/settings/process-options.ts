import { apiVersionProblem, defaultApiVersions } from "../../adapters/azure-sdk/api-versions.ts";
import { cloudNames } from "../../adapters/azure-sdk/azure-config.ts";
import { grouped, type Option } from "../../cli/options.ts";
import { defaultDriverName, driverNameProblem } from "../../core/api/driver-name.ts";
import { userAgentProblem } from "../../core/azure/user-agent.ts";
import { listenAddressProblem } from "../../core/primitives/listen-address.ts";
import { nodeNameProblem } from "./name-problems.ts";
import { webAddressProblem } from "./web-address.ts";

/** Settings that every long-running role has. */
export const processOptions = grouped("Process", {
  "http-endpoint": {
    kind: "text",
    problem: listenAddressProblem,
    help:
      "host:port that serves /healthz, /readyz and /metrics; :port for all addresses, [address]:port for " +
      "IPv6; port 0 takes a free one; none if not given",
  },
  "log-level": {
    kind: "choice",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    help: "Least severe lines that are logged",
  },
  "shutdown-grace-ms": {
    kind: "number",
    default: 10_000,
    min: 0,
    max: 600_000,
    help: "How long calls under way may continue after SIGTERM",
  },
});

/** Which volumes are the driver's. */
export const driverNameOption = grouped("CSI", {
  "driver-name": {
    kind: "text",
    default: defaultDriverName,
    problem: driverNameProblem,
    help:
      "Name of the driver, as in StorageClasses and PersistentVolumes. Its zone label is " +
      "topology.<driver name>/zone",
  },
});

export const azureOptions = grouped("Azure", {
  "cloud-config": {
    kind: "text",
    help:
      "azure.json of the cluster: subscription, resource group, location, tenant, sign-in. Flags below win " +
      "over it",
  },
  "azure-cloud": {
    kind: "choice",
    choices: cloudNames,
    help:
      "Azure's cloud (default: the one of AZURE_AUTHORITY_HOST, which workload identity sets; else the " +
      "first)",
  },
  "azure-endpoint": {
    kind: "text",
    problem: webAddressProblem,
    help:
      "Azure Resource Manager's endpoint, such as an emulator's https://localhost:8443 (default: the " +
      "cloud's)",
  },
  "azure-ca-file": {
    kind: "text",
    help: "PEM file of a further certificate authority that the endpoint's certificate comes from",
  },
  "azure-vm-api-version": {
    kind: "text",
    default: defaultApiVersions.vm,
    problem: apiVersionProblem,
    help: "API version of VMs and scale sets; where a cloud does not have it, one that it lists is used",
  },
  "azure-disk-api-version": {
    kind: "text",
    default: defaultApiVersions.disk,
    problem: apiVersionProblem,
    help: "The same of disks and snapshots",
  },
  "subscription-id": { kind: "text", help: "Subscription of the cluster" },
  "resource-group": {
    kind: "text",
    help: "Resource group of the cluster's VMs, and of disks whose StorageClass names none",
  },
  location: { kind: "text", help: "Region of disks whose StorageClass and topology name none" },
  "custom-user-agent": {
    kind: "text",
    problem: userAgentProblem,
    help:
      "User-Agent of all calls to Azure, by which its logs show the driver (default: the driver's name and " +
      "version)",
  },
  "user-agent-suffix": {
    kind: "text",
    problem: userAgentProblem,
    help: "What follows in that User-Agent, such as the name of a distribution (default: nothing)",
  },
  "azure-time-scale": {
    kind: "number",
    default: 1,
    min: 0.0001,
    max: 1,
    help: "Scale of the driver's waits for Azure (polls, back-off, budget): for emulators faster than Azure",
  },
});

/** What requests a volume on a node: part of node and controller, which must agree. */
export const attachOption = {
  kind: "choice",
  default: "kubernetes",
  choices: ["kubernetes", "driver"],
  help: "What requests a volume on a node: ControllerPublishVolume (kubernetes) or NodeStageVolume (driver)",
} as const satisfies Option;

/** What the node role is configured to know of its machine. */
export const nodeOptions = grouped("Node", {
  "node-name": {
    kind: "text",
    required: true,
    problem: nodeNameProblem,
    help: "Name of this node; its VM may have another name",
  },
  "state-dir": {
    kind: "text",
    default: "/var/lib/azuredisk-csi",
    help: "Folder for this node's checkpoints and locks; must survive reboots",
  },
  "kubelet-dir": {
    kind: "list",
    default: ["/var/lib/kubelet"],
    help: "Folders below which staging and target paths may lie",
  },
  "device-root": {
    kind: "text",
    default: "",
    help:
      "For emulators: folder (empty: the root) with dev/disk/azure, whose links to loop devices are " +
      "believed",
  },
  "shares-kernel": {
    kind: "flag",
    help: "For labs: nodes share a kernel, and links to loop devices are believed. Implied by --device-root",
  },
  "device-wait-ms": {
    kind: "number",
    default: 60_000,
    min: 0,
    max: 600_000,
    help:
      "How long NodeStageVolume waits for an attached disk's device, and for link and kernel address to " +
      "agree",
  },
  "max-volumes": {
    kind: "number",
    default: -1,
    min: -1,
    max: 64,
    isWhole: true,
    help:
      "Volumes this node takes; -1: the data disks of its VM size (Azure's list, see AzDriverNode), less " +
      "reserved ones and those attached by others",
  },
  "reserved-data-disk-slot-num": {
    kind: "number",
    default: 0,
    min: 0,
    max: 64,
    isWhole: true,
    help: "Data disks of the VM size that are left to others than this driver",
  },
  "heartbeat-ms": {
    kind: "number",
    default: 10_000,
    min: 50,
    max: 600_000,
    help: "Time between two heartbeats",
  },
  "reserve-disks": {
    kind: "flag",
    help:
      "Reserve each disk that this node writes and others may have (SCSI persistent reservations): one of " +
      "them can then cut this node off without Azure, and this node can cut off others. Runs sg_persist " +
      "(package sg3-utils)",
  },
  "stage-wait-ms": {
    kind: "number",
    default: 100_000,
    min: 100,
    max: 3_600_000,
    help: "How long NodeStageVolume waits for attach and grant before it answers UNAVAILABLE with the reason",
  },
  attach: attachOption,
});
