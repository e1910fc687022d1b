import type { OlderKubernetes } from "../parts/kubernetes-module.ts";
import { type NodeKind, NODES_MAX } from "./node-kinds.ts";

/** The composition of a lab. */
export interface LabOptions {
  /** Labs of different names run side by side. Default: `lab`. */
  readonly name?: string;
  /** How many nodes that are single VMs, or what each node is. Default: 3. Up to 8. */
  readonly nodes?: number | readonly NodeKind[];
  /**
   * 2 (default): every third node is in zone 2, the others in zone 1. 1: all in zone 1. Nodes of the
   * availability set are in no zone.
   */
  readonly zones?: number;
  /** Azure's size of every node's VM. Default: Standard_D8s_v5, which takes 16 data disks. */
  readonly vmSize?: string;
  /** An older Kubernetes. Default: the newest that is pinned. */
  readonly kubernetes?: OlderKubernetes;
  /** Azure's latencies times this factor. Default: 0.05. */
  readonly timeScale?: number;
  /**
   * Fields of KubeletConfiguration that override the lab's, for example `{nodeStatusUpdateFrequency:
   * "1s"}`.
   */
  readonly kubelet?: Readonly<Record<string, unknown>>;
  /** Whether a running lab of this name is taken down first. Default: that is an error. */
  readonly replaces?: boolean;
  /** The lab is taken down when this process ends, however it ends. Default: it stays. */
  readonly endsWithProcess?: boolean;
  /** Further flags, which override the lab's. */
  readonly apiserverFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
  readonly schedulerFlags?: readonly string[];
}

/** A virtual machine that is a node. */
export type LabVm = {
  /** The node's name. */
  readonly name: string;
  readonly kind: NodeKind;
} & LabPlacement;

/** Azure places a VM in a zone, such as `1`, or in a fault domain of the availability set, such as `0`. */
type LabPlacement =
  | { readonly zone: string; readonly faultDomain?: never }
  | { readonly zone?: never; readonly faultDomain: string };

/** Options with all defaults filled in. */
export interface LabSettings extends Required<
  Omit<LabOptions, "kubernetes" | "nodes" | "zones" | "replaces" | "endsWithProcess">
> {
  readonly vms: readonly LabVm[];
}

const VM_SIZE = "Standard_D8s_v5";
/** A twentieth of Azure's own pace: an attach takes about half a second. */
const TIME_SCALE = 0.05;
/** Every third node, so that of three nodes two share a zone. */
const OTHER_ZONE_EACH = 3;
/** Azure's default, and that of the emulator's availability sets. */
const FAULT_DOMAINS = 2;

/** Fills in defaults. Throws on invalid options. */
export function labSettings(options: LabOptions): LabSettings {
  const { nodes = 3, zones = 2, timeScale = TIME_SCALE } = options;
  const count = typeof nodes === "number" ? nodes : nodes.length;
  if (!Number.isInteger(count) || count < 1 || count > NODES_MAX)
    throw new Error(`a lab has 1 to ${NODES_MAX} nodes, not ${count}`);
  const kinds = typeof nodes === "number" ? Array.from({ length: nodes }, () => "vm" as const) : nodes;
  if (zones !== 1 && zones !== 2) throw new Error(`a lab has 1 or 2 zones, not ${zones}`);
  if (!(timeScale >= 0.0001 && timeScale <= 1))
    throw new Error(`the time scale is a number from 0.0001 to 1, not ${timeScale}`);
  return {
    name: options.name ?? "lab",
    vms: kinds.map((kind, index) => ({
      kind,
      name: `node-${String.fromCodePoint("a".charCodeAt(0) + index)}`,
      ...(isInSet(kind)
        ? { faultDomain: String(kinds.slice(0, index).filter(isInSet).length % FAULT_DOMAINS) }
        : { zone: zones === 2 && index % OTHER_ZONE_EACH === OTHER_ZONE_EACH - 1 ? "2" : "1" }),
    })),
    vmSize: options.vmSize ?? VM_SIZE,
    timeScale,
    kubelet: options.kubelet ?? {},
    apiserverFlags: options.apiserverFlags ?? [],
    controllerManagerFlags: options.controllerManagerFlags ?? [],
    schedulerFlags: options.schedulerFlags ?? [],
  };
}

function isInSet(kind: NodeKind): boolean {
  return kind === "avset";
}
