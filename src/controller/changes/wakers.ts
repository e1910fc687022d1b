import type { AzVolume } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { barrierPendingNames } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { ControlLoop } from "../../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { nodesWithOrphans } from "../fencing/delete-orphans.ts";
import { volumesUnderOtherNames } from "../node-of-vm.ts";
import { hasReturned, mayBeStopped } from "../nodes/mark-stopped-nodes.ts";
import { PLACE_AFTER_MS } from "../writer/placement-reconciler.ts";
import { namesInQuarantine } from "./object-changes.ts";

/** The only key of a loop that works on the whole store. */
export const ONLY_KEY = "store";
/** Delay from an erased object to the comparison with Azure, in milliseconds: it is seldom the only one. */
const ERASED_AFTER_MS = 10_000;
/**
 * Delay until every object is planned again after a node has changed, in milliseconds. After a failure of the
 * network all nodes change, and for each of them every volume would be planned: that stops the process for
 * so long that it loses the lead. What concerns the node itself is planned at once.
 */
const NODES_CHANGED_AFTER_MS = 5_000;
/**
 * Delay between a change of a node and the question to Azure whether a record's entries under other names are
 * of that node's VM, in milliseconds. Each volume is asked about once a second at most: a node's token writes
 * its AzDriverNode as often as it likes.
 */
const ASK_AFTER_MS = 1_000;

/** The loops that changes wake. */
type RoutedLoop =
  | "volume"
  | "placement"
  | "askAzure"
  | "disk"
  | "tags"
  | "attachment"
  | "mountEvents"
  | "fence"
  | "barrier"
  | "rebuild"
  | "readVms"
  | "driverNode"
  | "orphans"
  | "diskLimit"
  | "stoppedNodes"
  | "returnedNodes"
  | "recovery"
  | "requests"
  | "resync";

/** The loops, by their names. */
export type RoutedLoops = Readonly<Record<RoutedLoop, Pick<ControlLoop, "queue">>>;

/**
 * Builds what queues the keys that a change concerns. Adds the nodes for whose changes volumes are to be
 * searched to `changedNodes`.
 */
export function createWakers(ports: ControllerPorts, loops: RoutedLoops, changedNodes: Set<string>) {
  const { cache } = ports;

  /**
   * A fence starts at once. Without one Azure is not asked again before its time: a node writes its
   * attachment as often as it likes.
   */
  const addFence = (volumeName: string): void => {
    const record = cache.get("AzVolume", volumeName)?.status?.record;
    if (record?.fencing !== undefined) loops.fence.queue.add(volumeName);
    else if (nodesIn(record, "unverified").length > 0) loops.fence.queue.addWhenDue(volumeName);
  };
  /** A grant, or its acquire, may be what makes them believed. Otherwise they wait for their time. */
  const remindOfMounts = (volumeName: string): void => {
    for (const { metadata, status } of cache.byIndex("AzVolumeAttachment", "volumeName", volumeName))
      if ((status?.mountProblems?.length ?? 0) > 0) loops.mountEvents.queue.add(metadata.name);
  };
  const addVolumeAlone = (volumeName: string): void => {
    loops.volume.queue.add(volumeName);
    remindOfMounts(volumeName);
    loops.disk.queue.add(volumeName);
    loops.tags.queue.addWhenDue(volumeName);
    addFence(volumeName);
  };
  const addAttachments = (index: "volumeName" | "nodeName" | "volumeId", name: string): void => {
    for (const { metadata } of cache.byIndex("AzVolumeAttachment", index, name))
      loops.attachment.queue.add(metadata.name);
  };
  const addVolumesOn = (nodeName: string): void => {
    const attached = cache.byIndex("AzVolumeAttachment", "nodeName", nodeName);
    const recorded = cache.byIndex("AzVolume", "recordedOn", nodeName);
    const names = [
      ...attached.map(({ spec }) => spec.volumeName),
      ...recorded.map(({ metadata }) => metadata.name),
    ];
    for (const volumeName of new Set(names)) addVolumeAlone(volumeName);
  };
  const placeOn = (nodeName: string): void => {
    changedNodes.add(nodeName);
    loops.placement.queue.addAfter(ONLY_KEY, PLACE_AFTER_MS);
  };
  const askForEntriesOf = (nodeName: string): void => {
    for (const { metadata } of volumesUnderOtherNames(ports, nodeName))
      loops.askAzure.queue.addAfter(metadata.name, ASK_AFTER_MS);
  };
  const barrierPendingNodes = (): ReadonlySet<string> =>
    new Set(cache.list("AzVolume").flatMap(barrierPendingNames));
  /** What the state of a node may require, whether or not it has changed. */
  const remindNode = (nodeName: string): void => {
    const inQuarantine = cache.byIndex("AzVolume", "recordedOn", nodeName).flatMap(namesInQuarantine);
    const node = ports.users.cachedNode(nodeName);
    if (node.isGone || inQuarantine.includes(nodeName)) loops.driverNode.queue.remind(nodeName);
    if (mayBeStopped(node)) loops.stoppedNodes.queue.remind(nodeName);
    if (hasReturned(node)) loops.returnedNodes.queue.remind(nodeName);
    if (cache.byIndex("AzVolume", "barrierPendingOn", nodeName).length > 0)
      loops.barrier.queue.remind(nodeName);
  };
  /** Queues every object, whether or not a change was seen. */
  const addEverything = (): void => {
    for (const volume of cache.list("AzVolume")) addVolumeAlone(volume.metadata.name);
    // Nothing has changed for these: Azure is not asked again before its time.
    for (const attachment of cache.list("AzVolumeAttachment"))
      loops.attachment.queue.remind(attachment.metadata.name);
    for (const name of cache.ignoredAttachments()) loops.attachment.queue.remind(name);
    const registered = cache.list("AzDriverNode").map(({ metadata }) => metadata.name);
    // Most need nothing: a size that was looked up is not looked up again.
    for (const nodeName of registered) loops.diskLimit.queue.remind(nodeName);
    const recorded = cache.list("AzVolume").flatMap(namesInQuarantine);
    for (const nodeName of new Set([...registered, ...recorded, ...barrierPendingNodes()]))
      remindNode(nodeName);
    for (const nodeName of nodesWithOrphans(ports)) loops.orphans.queue.remind(nodeName);
    loops.rebuild.queue.add(ONLY_KEY);
    loops.readVms.queue.remind(ONLY_KEY);
    loops.requests.queue.add(ONLY_KEY);
  };
  /**
   * The volumes that use a node, or whose record names it, and its attachments that no loop has seen.
   * `volumeId`: of these, the volume with this disk alone.
   */
  const addUsersOf = (nodeName: string, volumeId: string | undefined): void => {
    const isAbout = (diskUri: string | undefined): boolean =>
      volumeId === undefined || diskUri === undefined || isSameResourceUri(diskUri, volumeId);
    for (const { metadata, spec, status } of cache.byIndex("AzVolumeAttachment", "nodeName", nodeName)) {
      if (!isAbout(spec.volumeId)) continue;
      loops.volume.queue.add(spec.volumeName);
      // The pod behind it may just have been seen.
      if (status === undefined) loops.attachment.queue.add(metadata.name);
    }
    // An entry without an attachment may wait for the uid of its Node.
    for (const volume of cache.byIndex("AzVolume", "recordedOn", nodeName))
      if (isAbout(diskUriOf(volume))) loops.volume.queue.add(volume.metadata.name);
  };
  /** The records of the rebuild are trusted from now on. What it has refused is queued at once. */
  const trustRebuilt = (): void => {
    loops.readVms.queue.add(ONLY_KEY);
    for (const nodeName of barrierPendingNodes()) loops.barrier.queue.add(nodeName);
    for (const { metadata, status } of cache.list("AzVolume")) {
      if (nodesIn(status?.record, "unverified").length === 0) continue;
      loops.fence.queue.add(metadata.name);
      loops.askAzure.queue.add(metadata.name);
    }
  };

  return {
    addFence,
    addVolumeAlone,
    addAttachmentsOf: (volumeName: string) => addAttachments("volumeName", volumeName),
    addAttachmentsOn: (nodeName: string) => addAttachments("nodeName", nodeName),
    addAttachmentsOfDisk: (volume: AzVolume | undefined) => {
      const diskUri = volume === undefined ? undefined : diskUriOf(volume);
      if (diskUri !== undefined) addAttachments("volumeId", resourceUriKey(diskUri));
    },
    addVolumesOn,
    addUsersOf,
    placeOn,
    askForEntriesOf,
    remindNode,
    trustRebuilt,
    recoverSoon: () => loops.recovery.queue.addAfter(ONLY_KEY, ERASED_AFTER_MS),
    resyncSoon: () => loops.resync.queue.addAfter(ONLY_KEY, NODES_CHANGED_AFTER_MS),
    addEverything,
  };
}
