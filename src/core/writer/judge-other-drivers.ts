import { defaultDriverName } from "../api/driver-name.ts";

/** A driver as the CSINode of a node names it. */
export interface NodeDriver {
  readonly name: string;
  /** What the driver calls the node: `node_id` of its NodeGetInfo. */
  readonly nodeId: string;
  /** How many of its volumes the node takes; undefined: not yet written by the kubelet. */
  readonly volumesMax: number | undefined;
}

/** A pod that serves a CSI driver on its node: it mounts the driver's folder below `plugins`. */
export interface NodePlugin {
  /** `<namespace>/<name>` of the pod. */
  readonly pod: string;
  readonly nodeName: string;
  /** `<namespace>/<name>` of its DaemonSet; undefined: none. */
  readonly daemonSet: string | undefined;
  /** The driver whose folder it is. */
  readonly driverName: string;
}

/** The state of a Lease between two reads. */
export interface SeenLease {
  /** Changes with each renewal. */
  readonly version: string;
  readonly holder: string;
  /** When it was last seen to change, in milliseconds of this process's own clock; undefined: not yet. */
  readonly changedAtMs: number | undefined;
}

/**
 * A Lease that has not changed for this time is not being renewed, in milliseconds: four of the sidecars'
 * lease durations (15 s).
 */
export const LEASE_SILENT_MS = 60_000;

/** How to remove V1. AKS reinstalls its in-box driver unless it is disabled there. */
const REMEDY =
  "remove that driver (on AKS: az aks update --disable-disk-driver --yes), or uninstall this one";

/** Names of the folders and registrations of Azure disk drivers: this one's, and AKS's in-box driver's. */
export function azureDiskDriverNames(driverName: string): readonly string[] {
  return [...new Set([driverName, defaultDriverName])];
}

/**
 * Why another Azure disk driver serves this node, by its CSINode; undefined if none does. `V1` has the
 * same name and node id as this driver, so CSINode does not distinguish them.
 */
export function otherDriverOnNode(
  own: { readonly driverName: string; readonly nodeName: string },
  drivers: readonly NodeDriver[],
): string | undefined {
  const { driverName, nodeName } = own;
  const taken = drivers.find(({ name, nodeId }) => name === driverName && nodeId !== nodeName);
  if (taken !== undefined)
    return (
      `CSINode ${nodeName} has node id ${JSON.stringify(taken.nodeId)} for ${driverName}, ` +
      `which this plug-in registers as ${JSON.stringify(nodeName)}; ${REMEDY}`
    );
  const beside = drivers.find(
    ({ name }) => name !== driverName && azureDiskDriverNames(driverName).includes(name),
  );
  if (beside === undefined) return undefined;
  return (
    `CSINode ${nodeName} names ${beside.name} beside ${driverName}: ` +
    `both change the data disks of one VM; ${REMEDY}`
  );
}

/**
 * Why another Azure disk driver serves nodes of this cluster, by the pods with its folder; undefined if
 * none does. `daemonSets`: this driver's own, each `<namespace>/<name>`.
 */
export function otherNodePlugin(
  daemonSets: readonly string[],
  plugins: readonly NodePlugin[],
): string | undefined {
  const others = plugins.filter(
    ({ daemonSet }) => daemonSet === undefined || !daemonSets.includes(daemonSet),
  );
  const [firstPod] = others.map(({ pod }) => pod).toSorted();
  const first = others.find(({ pod }) => pod === firstPod);
  if (first === undefined) return undefined;
  const whose = first.daemonSet === undefined ? "" : ` of DaemonSet ${first.daemonSet}`;
  return (
    `pod ${first.pod}${whose} serves ${first.driverName} on ` +
    `${first.nodeName === "" ? "a node" : first.nodeName} (${others.length} such pods); ${REMEDY}`
  );
}

/** A Lease's state after another read. The first proves nothing: a Lease outlives its holder. */
export function seeLease(
  seen: SeenLease | undefined,
  read: { readonly version: string; readonly holder: string } | undefined,
  nowMs: number,
): SeenLease | undefined {
  if (read === undefined) return undefined;
  const hasChanged = seen !== undefined && seen.version !== read.version;
  return { ...read, changedAtMs: hasChanged ? nowMs : seen?.changedAtMs };
}

/**
 * Why another Azure disk driver's controller runs, by a Lease that this chart's sidecars never hold;
 * undefined if it is not renewed.
 */
export function otherController(
  name: string,
  seen: SeenLease | undefined,
  nowMs: number,
): string | undefined {
  if (seen?.changedAtMs === undefined || nowMs - seen.changedAtMs >= LEASE_SILENT_MS) return undefined;
  // A holder that releases the Lease empties it.
  if (seen.holder === "") return undefined;
  return `Lease ${name} is renewed by ${seen.holder}, a controller of another Azure disk driver; ${REMEDY}`;
}
