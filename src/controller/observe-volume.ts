import type { AzDriverNode } from "../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { diskUriOf } from "../core/api/identity/disk-uri-of.ts";
import {
  isGivenUp,
  isTerminating,
  type ObservedNode,
  type ObservedVolume,
} from "../core/attachment/observed-volume.ts";
import { resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import { placementUnknown, type VolumePlacement } from "../core/schedule/pod-rules.ts";
import type { VolumePod } from "../core/schedule/volume-pod.ts";
import { isMarkedSilent } from "../core/writer/node-silence.ts";
import { isNamed } from "../core/writer/record/record-nodes.ts";
import type { ObjectCache } from "../objects/cache/object-cache.ts";
import { backedPart } from "./backed-attachment.ts";
import type { ControllerPorts } from "./controller-ports.ts";

type ObservePorts = Pick<
  ControllerPorts,
  | "attach"
  | "cache"
  | "clock"
  | "clusterVolumes"
  | "leaseHighWaterMark"
  | "settings"
  | "unschedulable"
  | "users"
> & {
  /** Nodes of replicas that this process is creating, by the name of the volume. Default: none. */
  readonly placing?: ReadonlyMap<string, readonly string[]>;
};

/** What shows the nodes; CSI's handlers see the same. */
interface NodePorts extends Pick<ControllerPorts, "users"> {
  readonly cache: Pick<ObjectCache, "list" | "byIndex" | "watchedUnchangedMs">;
}

/** All that the plans of one volume need, from the caches. Undefined if there is no such volume. */
export function observeVolume(ports: ObservePorts, volumeName: string): ObservedVolume | undefined {
  const { cache, users, unschedulable, clock, settings } = ports;
  const volume = cache.get("AzVolume", volumeName);
  if (volume === undefined) return undefined;
  const attachments = cache
    .byIndex("AzVolumeAttachment", "volumeName", volumeName)
    .flatMap((attachment) => backedPart(ports, volume, attachment) ?? []);
  const writer = volume.status?.record?.writer;
  const volumeId = volume.status?.detail?.diskUri;
  // The plans of one volume ask for the same node again and again.
  const observedNodes = new Map<string, { readonly node: ObservedNode | undefined }>();
  const placementsOn = new Map<string, VolumePlacement>();
  let allNodes: readonly ObservedNode[] | undefined;
  return {
    volume,
    unchangedMs: cache.unchangedMs("AzVolume", volumeName) ?? 0,
    attachments: attachments.map((attachment) => ({
      attachment,
      unchangedMs: cache.unchangedMs("AzVolumeAttachment", attachment.metadata.name) ?? 0,
      watchedUnchangedMs: cache.watchedUnchangedMs("AzVolumeAttachment", attachment.metadata.name) ?? 0,
    })),
    nodes: () => (allNodes ??= observeNodes(ports)),
    node: (nodeName) => {
      const known = observedNodes.get(nodeName);
      if (known !== undefined) return known.node;
      const node = observeNode(ports, nodeName);
      observedNodes.set(nodeName, { node });
      return node;
    },
    orchestratorNode: (nodeName) => users.cachedNode(nodeName),
    unregisteredMs: (nodeName) => cache.missingMs("AzDriverNode", nodeName),
    unschedulableMs: (nodeName) => unschedulable.forMs(nodeName),
    hasUser: (nodeName) => volumeId !== undefined && hasUser(ports, attachments, { nodeName, volumeId }),
    writerUse:
      writer === undefined || volumeId === undefined
        ? { kind: "unknown" }
        : users.cachedOn({ nodeName: writer.nodeName, volumeId }),
    pods: () => cachedPodsOf(ports, volume),
    placement: () => (volumeId === undefined ? placementUnknown : users.cachedPlacement(volumeId)),
    placementOn: (nodeName) => {
      if (volumeId === undefined) return placementUnknown;
      const known = placementsOn.get(nodeName) ?? users.cachedPlacement(volumeId, nodeName);
      placementsOn.set(nodeName, known);
      return known;
    },
    companionCounts: () => countCompanions(ports, volumeId),
    nowMs: clock.nowMs(),
    settings,
  };
}

/** Also of a volume that is being rebuilt: its pods run. A volume that has no disk yet has none. */
function cachedPodsOf(
  { users }: Pick<ControllerPorts, "users">,
  volume: AzVolume,
): readonly VolumePod[] | undefined {
  const diskUri = diskUriOf(volume);
  return diskUri === undefined ? [] : users.cachedPods(diskUri);
}

/** By what makes requests. A CSI client that published the volume is a user, with or without orchestrator. */
function hasUser(
  { attach, clusterVolumes, users }: ObservePorts,
  attachments: readonly AzVolumeAttachment[],
  where: { readonly nodeName: string; readonly volumeId: string },
): boolean {
  if (!clusterVolumes.knowsAttachments) return true;
  if (attach === "driver") return users.cachedOn(where).kind === "used";
  if (clusterVolumes.attachmentOn(where.volumeId, where.nodeName)?.isTerminating === false) return true;
  return attachments.some(
    ({ spec }) => spec.nodeName === where.nodeName && spec.role === "Primary" && spec.published === true,
  );
}

/** Where the other volumes of the pods that use the volume are, or are about to be. */
function countCompanions(
  { cache, users, settings, placing }: Pick<ObservePorts, "cache" | "users" | "settings" | "placing">,
  volumeId: string | undefined,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const otherId of volumeId === undefined ? [] : users.cachedCompanions(volumeId)) {
    for (const other of cache.byIndex("AzVolume", "diskUri", resourceUriKey(otherId))) {
      const { name } = other.metadata;
      const staying = cache
        .byIndex("AzVolumeAttachment", "volumeName", name)
        .filter((attachment) => !isTerminating(attachment) && !isGivenUp({ settings }, attachment))
        .map(({ spec }) => spec.nodeName);
      for (const nodeName of new Set([...staying, ...(placing?.get(name) ?? [])]))
        counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
    }
  }
  return counts;
}

/** All nodes whose plug-in has registered, sorted by name. */
export function observeNodes(ports: NodePorts): readonly ObservedNode[] {
  return ports.cache.list("AzDriverNode").flatMap((driverNode) => observedNode(ports, driverNode) ?? []);
}

/** One node; undefined: its plug-in has not reported its VM yet, or the node is being removed. */
export function observeNode(
  ports: NodePorts & { readonly cache: Pick<ObjectCache, "get"> },
  nodeName: string,
): ObservedNode | undefined {
  const driverNode = ports.cache.get("AzDriverNode", nodeName);
  return driverNode === undefined ? undefined : observedNode(ports, driverNode);
}

function observedNode(
  { cache, users }: NodePorts,
  { metadata, spec, status }: AzDriverNode,
): ObservedNode | undefined {
  if (status === undefined || metadata.deletionTimestamp !== undefined) return undefined;
  const attachments = (): readonly AzVolumeAttachment[] =>
    cache.byIndex("AzVolumeAttachment", "nodeName", spec.nodeName);
  const { instanceUri = status.instanceUri, ...node } = users.cachedNode(spec.nodeName);
  return {
    nodeName: spec.nodeName,
    vmId: status.vmId,
    // A node's token writes its AzDriverNode, not its Node: it must not direct grants and fences to
    // another VM.
    instanceUri,
    location: status.location,
    zone: status.zone,
    platform: status.platform,
    isReady: status.readyForVolumeAllocation,
    ...node,
    heartbeatUnchangedMs: cache.watchedUnchangedMs("AzDriverNode", metadata.name) ?? 0,
    isMarkedSilent: isMarkedSilent(status),
    heartbeatDelayMs: status.heartbeatDelayMs,
    staged: status.volumes,
    volumesMax: status.maxVolumes,
    // Few plans ask, and each would look through all volumes of the node.
    get attachments() {
      return attachments().length;
    },
    get isShortOfSlots() {
      return attachments().some(waitsForSlot);
    },
    get isQuarantined() {
      const node = { nodeName: spec.nodeName, vmId: status.vmId };
      return cache
        .byIndex("AzVolume", "recordedOn", spec.nodeName)
        .some((volume) => isNamed(volume.status?.record, node, "fenced", "fencing"));
    },
  };
}

/** Whether a primary was refused because its node has no free slot, and is not attached yet. */
export function waitsForSlot({ spec, status }: AzVolumeAttachment): boolean {
  return spec.role === "Primary" && status?.state !== "Attached" && status?.error?.kind === "NoFreeLun";
}
