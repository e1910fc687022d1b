import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { rebuildMarkOf } from "../core/api/lease.ts";
import { barrierPendingNames } from "../core/attachment/observed-volume.ts";
import { holdsShare } from "../core/attachment/plan-attachment.ts";
import { invariant } from "../core/failure/invariant.ts";
import { dependsOnAttachments } from "../core/volume/plan-disk.ts";
import { nodesIn } from "../core/writer/record/record-nodes.ts";
import type { ObjectChange } from "../objects/cache/object-cache.ts";
import type { Kind } from "../ports/store/object-store.ts";
import type { ControlLoop } from "../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { volumesUnderOtherNames } from "./node-of-vm.ts";
import { hasReturned, mayBeStopped } from "./nodes/mark-stopped-nodes.ts";
import {
  isAttachmentErased,
  isDetachMarked,
  isKeptFromNow,
  isMoreThanHeartbeat,
  mustReconcileAttachment,
  mustReconcileVolume,
  isRefusalChanged,
  isSlotFreed,
  isVolumeErased,
  leftQuarantine,
  namesInQuarantine,
  newlyBarrierPending,
} from "./object-changes.ts";
import { PLACE_AFTER_MS } from "./writer/placement-reconciler.ts";

/** The only key of a loop that works on the whole store. */
export const ONLY_KEY = "store";
/**
 * Delay until Azure is compared with the objects after one was erased, in milliseconds: they are seldom
 * erased one by one.
 */
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
  | "fence"
  | "barrier"
  | "rebuild"
  | "readVms"
  | "driverNode"
  | "diskLimit"
  | "stoppedNodes"
  | "returnedNodes"
  | "recovery"
  | "requests"
  | "resync";

/** What queues the keys of the loops. */
export interface ChangeRoutes {
  readonly onChange: (change: ObjectChange) => void;
  readonly onNode: Parameters<ControllerPorts["users"]["onChange"]>[0];
  /** Queues every object, whether or not a change was seen. */
  readonly addEverything: () => void;
}

/** One row of the table: which changes wake which loops. */
interface Route<K extends Kind> {
  readonly when: (change: ObjectChange<K>) => boolean;
  readonly wake: (change: ObjectChange<K>) => void;
}

/**
 * Decides which change wakes which loops, and with which keys. Adds the nodes for whose changes volumes are
 * to be searched to `changedNodes`.
 */
export function createChangeRoutes(
  ports: ControllerPorts,
  loops: Readonly<Record<RoutedLoop, Pick<ControlLoop, "queue">>>,
  changedNodes: Set<string>,
): ChangeRoutes {
  const { cache, settings } = ports;

  /**
   * A fence starts at once. Without one Azure is not asked again before its time: a node writes its
   * attachment as often as it likes.
   */
  const addFence = (volumeName: string): void => {
    const record = cache.get("AzVolume", volumeName)?.status?.record;
    if (record?.fencing !== undefined) loops.fence.queue.add(volumeName);
    else if (nodesIn(record, "unverified").length > 0) loops.fence.queue.addWhenDue(volumeName);
  };
  const addVolumeAlone = (volumeName: string): void => {
    loops.volume.queue.add(volumeName);
    loops.disk.queue.add(volumeName);
    loops.tags.queue.addWhenDue(volumeName);
    addFence(volumeName);
  };
  const addAttachmentsOf = (volumeName: string): void => {
    for (const attachment of cache.byIndex("AzVolumeAttachment", "volumeName", volumeName))
      loops.attachment.queue.add(attachment.metadata.name);
  };
  const addAttachmentsOn = (nodeName: string): void => {
    for (const attachment of cache.byIndex("AzVolumeAttachment", "nodeName", nodeName))
      loops.attachment.queue.add(attachment.metadata.name);
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
  const isGone = (nodeName: string): boolean => ports.users.cachedNode(nodeName).isGone;
  const barrierPendingNodes = (): ReadonlySet<string> =>
    new Set(cache.list("AzVolume").flatMap(barrierPendingNames));
  /** What the state of a node may require, whether or not it has changed. */
  const remindNode = (nodeName: string): void => {
    const inQuarantine = cache.byIndex("AzVolume", "recordedOn", nodeName).flatMap(namesInQuarantine);
    if (isGone(nodeName) || inQuarantine.includes(nodeName)) loops.driverNode.queue.remind(nodeName);
    const node = ports.users.cachedNode(nodeName);
    if (mayBeStopped(node)) loops.stoppedNodes.queue.remind(nodeName);
    if (hasReturned(node)) loops.returnedNodes.queue.remind(nodeName);
    if (cache.byIndex("AzVolume", "barrierPendingOn", nodeName).length > 0)
      loops.barrier.queue.remind(nodeName);
  };
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
    loops.rebuild.queue.add(ONLY_KEY);
    loops.readVms.queue.remind(ONLY_KEY);
    loops.requests.queue.add(ONLY_KEY);
  };
  /** The changed node may be of use to any volume. Only those that name it or its VM don't wait. */
  const onDriverNode = (nodeName: string): void => {
    loops.diskLimit.queue.add(nodeName);
    addVolumesOn(nodeName);
    addAttachmentsOn(nodeName);
    askForEntriesOf(nodeName);
    placeOn(nodeName);
    remindNode(nodeName);
    loops.rebuild.queue.add(ONLY_KEY);
    loops.resync.queue.addAfter(ONLY_KEY, NODES_CHANGED_AFTER_MS);
  };
  /**
   * What the orchestrator says of a node and of its users. Only the plans of writers and replicas use it;
   * those of disks and attachments do not.
   */
  const onNode: ChangeRoutes["onNode"] = (nodeName, changed) => {
    if (changed === "node") {
      placeOn(nodeName);
      askForEntriesOf(nodeName);
      const node = ports.users.cachedNode(nodeName);
      if (mayBeStopped(node)) loops.stoppedNodes.queue.addWhenDue(nodeName);
      if (hasReturned(node)) loops.returnedNodes.queue.add(nodeName);
    }
    for (const { metadata, spec, status } of cache.byIndex("AzVolumeAttachment", "nodeName", nodeName)) {
      loops.volume.queue.add(spec.volumeName);
      // The pod behind it may just have been seen.
      if (status === undefined) loops.attachment.queue.add(metadata.name);
    }
    // An entry without an attachment may wait for the uid of its Node.
    for (const { metadata } of cache.byIndex("AzVolume", "recordedOn", nodeName))
      loops.volume.queue.add(metadata.name);
    if (isGone(nodeName)) loops.driverNode.queue.add(nodeName);
  };
  /** The records of the rebuild are trusted from now on. What it has refused is queued at once. */
  const onRebuilt = (): void => {
    loops.readVms.queue.add(ONLY_KEY);
    for (const nodeName of barrierPendingNodes()) loops.barrier.queue.add(nodeName);
    for (const { metadata, status } of cache.list("AzVolume")) {
      if (nodesIn(status?.record, "unverified").length === 0) continue;
      loops.fence.queue.add(metadata.name);
      loops.askAzure.queue.add(metadata.name);
    }
  };

  const holds = (attachment: AzVolumeAttachment | undefined): boolean =>
    attachment !== undefined && holdsShare(ports, attachment);
  const recoverSoon = (): void => loops.recovery.queue.addAfter(ONLY_KEY, ERASED_AFTER_MS);

  const routes: { readonly [K in Kind]: readonly Route<K>[] } = {
    AzVolume: [
      { when: isVolumeErased, wake: recoverSoon },
      // What hindered its marks may have been over in a moment.
      { when: isKeptFromNow, wake: () => loops.rebuild.queue.add(ONLY_KEY) },
      {
        when: mustReconcileVolume,
        wake: (change) => {
          addVolumeAlone(change.name);
          addAttachmentsOf(change.name);
          for (const nodeName of leftQuarantine(change)) {
            addAttachmentsOn(nodeName);
            placeOn(nodeName);
          }
          for (const nodeName of newlyBarrierPending(change)) loops.barrier.queue.add(nodeName);
        },
      },
    ],
    AzVolumeAttachment: [
      { when: isAttachmentErased, wake: recoverSoon },
      {
        when: isSlotFreed,
        wake: (change) => placeOn(specOf(change).nodeName),
      },
      { when: isRefusalChanged, wake: (change) => loops.volume.queue.add(specOf(change).volumeName) },
      // Not where its own loop has marked it: a pass right after a detach would ask Azure for it again.
      { when: isDetachMarked, wake: (change) => loops.attachment.queue.remind(change.name) },
      {
        when: (change) => mustReconcileAttachment(change, settings),
        wake: (change) => {
          const { volumeName } = specOf(change);
          loops.attachment.queue.add(change.name);
          loops.volume.queue.add(volumeName);
          addFence(volumeName);
          const volume = cache.get("AzVolume", volumeName);
          if (volume !== undefined && dependsOnAttachments(volume)) loops.disk.queue.add(volumeName);
          // Of its other attachments only the number of shares matters to each of them.
          if (holds(change.previous) !== holds(change.current)) addAttachmentsOf(volumeName);
        },
      },
    ],
    AzDriverNode: [{ when: isMoreThanHeartbeat, wake: ({ name }) => onDriverNode(name) }],
    Lease: [
      {
        when: ({ previous, current }) => rebuildMarkOf(current) > rebuildMarkOf(previous),
        wake: () => loops.rebuild.queue.add(ONLY_KEY),
      },
      { when: ({ previous, current }) => rebuildMarkOf(current) < rebuildMarkOf(previous), wake: onRebuilt },
    ],
    ClusterNode: [],
  };

  function route<K extends Kind>(change: ObjectChange<K>): void {
    for (const { when, wake } of routes[change.kind]) if (when(change)) wake(change);
  }

  return { onChange: route, onNode, addEverything };
}

/** A change has at least one of both. */
function specOf({ previous, current }: ObjectChange<"AzVolumeAttachment">): AzVolumeAttachment["spec"] {
  const attachment = current ?? previous;
  invariant(attachment !== undefined, "a change without an object");
  return attachment.spec;
}
