import type { AzDriverNode } from "../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { annotatedNumber, type Lease, REBUILD_ANNOTATION } from "../core/api/lease.ts";
import {
  isGone,
  isRecordMissing,
  barrierPendingNames,
  type VolumeSettings,
} from "../core/attachment/observed-volume.ts";
import { holdsShare } from "../core/attachment/plan-attachment.ts";
import { isPermanentKind } from "../core/failure/is-retryable.ts";
import { ok } from "../core/failure/result.ts";
import { sameJson } from "../core/primitives/same-json.ts";
import { asksForAttachments } from "../core/volume/plan-disk.ts";
import { nodesIn } from "../core/writer/record-nodes.ts";
import type { ObjectChange } from "../objects/cache/object-cache.ts";
import { ControlLoop, type Reconciler } from "../runtime/queue/control-loop.ts";
import { forgetVolumes } from "./adoption/prune-volumes.ts";
import { recoverVolumes } from "./adoption/recover-volumes.ts";
import { syncVolumeAttachments } from "./adoption/sync-volume-attachments.ts";
import { attachmentReconciler } from "./attachment/attachment-reconciler.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { diskReconciler } from "./disk/disk-reconciler.ts";
import { keepStateReconciler } from "./disk/keep-state.ts";
import { createUntaggedTime, type UntaggedTime } from "./disk/untagged-time.ts";
import { fenceReconciler } from "./fencing/fence-reconciler.ts";
import { driverNodeReconciler } from "./fencing/prune-nodes.ts";
import { vanishedReconciler } from "./fencing/vanished-reconciler.ts";
import { barrierReconciler } from "./fencing/vm-barrier-reconciler.ts";
import { waitsForSlot } from "./observe-volume.ts";
import { reportIgnoredNodes } from "./report-ignored-nodes.ts";
import { rebuildReconciler } from "./rollback/rebuild-all-records.ts";
import { silenceReconciler } from "./writer/mark-silent.ts";
import { PLACE_AFTER_MS, placementReconciler } from "./writer/placement-reconciler.ts";
import { volumeReconciler } from "./writer/volume-reconciler.ts";

/** Every object is reconciled again after this time, in milliseconds, whether or not a change was seen. */
const RESYNC_MS = 60_000;
/**
 * How often the controller checks whether the volume of a VolumeAttachment exists by now, in
 * milliseconds. Reads caches alone.
 */
const REQUESTS_AGAIN_MS = 5_000;
/**
 * Interval of the recovery of disks without an object and objects without a disk, in milliseconds: one or
 * two lists for each resource group. Calls for such a disk do not wait for it.
 */
const RECOVER_AGAIN_MS = 600_000;
/**
 * Delay until Azure is compared with the objects after one was erased, in milliseconds: they are seldom
 * erased one by one.
 */
const ERASED_AFTER_MS = 10_000;
const ONLY_KEY = "store";

/** The metrics of recovery. */
export interface RecoveryReport {
  /** Receives the number of this cluster's disks that no PersistentVolume names, after each recovery. */
  readonly unclaimedDisks: (count: number) => void;
}

type NodeListener = Parameters<ControllerPorts["users"]["onChange"]>[0];

const noReport: RecoveryReport = { unclaimedDisks: () => undefined };

/**
 * Creates the reconcilers of the controller role, to be run until a signal is aborted, and again each
 * time that this process leads. They recover first, and at intervals: volumes whose objects were lost are
 * rebuilt, and objects whose disks are gone are pruned. Every cache change queues the keys that it
 * concerns. To be called once.
 */
export function createControllers(
  ports: ControllerPorts,
  report: RecoveryReport = noReport,
): (signal: AbortSignal) => Promise<void> {
  /** Receives the nodes that change while the reconcilers run. */
  let onNode: NodeListener | undefined;
  ports.users.onChange((nodeName, changed) => onNode?.(nodeName, changed));
  ports.clusterVolumes.onChange((nodeName) => onNode?.(nodeName, "users"));
  // Also while another process leads: the age of what it left undone counts here.
  const untagged = createUntaggedTime(ports);
  return async (signal) => {
    const term = createLoops(ports, untagged, report);
    const stopListening = ports.cache.onChange(term.onChange);
    onNode = term.onNode;
    try {
      await Promise.all([term.rebuild.run(signal), runOnceTrusted(ports, term, signal)]);
    } finally {
      onNode = undefined;
      stopListening();
    }
  };
}

/** Until it is known whether the store was rolled back, only a rebuild may act on the nodes' reports. */
async function runOnceTrusted(
  ports: ControllerPorts,
  { loops, rebuildNow }: ReturnType<typeof createLoops>,
  signal: AbortSignal,
): Promise<void> {
  if (await ports.gracePeriod.untilTrusted(ports, rebuildNow, signal))
    await Promise.all(loops.map((loop) => loop.run(signal)));
}

/** Loops with empty queues, except for the initial keys. */
function createLoops(
  ports: ControllerPorts,
  untagged: UntaggedTime,
  report: RecoveryReport,
): {
  /** All but `rebuild`. */
  readonly loops: readonly ControlLoop[];
  readonly rebuild: ControlLoop;
  readonly rebuildNow: () => void;
  readonly onChange: (change: ObjectChange) => void;
  readonly onNode: NodeListener;
} {
  const loops = {
    volume: new ControlLoop(
      volumeReconciler(ports, (volumeName) => loops.vanished.queue.addInTime(volumeName)),
      ports,
    ),
    placement: new ControlLoop(
      placementReconciler(ports, (volumeName) => loops.volume.queue.add(volumeName)),
      ports,
    ),
    vanished: new ControlLoop(vanishedReconciler(ports), ports),
    disk: new ControlLoop(diskReconciler(ports), ports),
    tags: new ControlLoop(keepStateReconciler(ports, untagged), ports),
    attachment: new ControlLoop(attachmentReconciler(ports), ports),
    fence: new ControlLoop(fenceReconciler(ports), ports),
    settle: new ControlLoop(barrierReconciler(ports), ports),
    rebuild: new ControlLoop(rebuildReconciler(ports), ports),
    driverNode: new ControlLoop(driverNodeReconciler(ports), ports),
    silence: new ControlLoop(silenceReconciler(ports), ports),
    recovery: new ControlLoop(
      recoveryReconciler(ports, report, () => loops.wants.queue.add(ONLY_KEY)),
      ports,
    ),
    wants: new ControlLoop(requestsReconciler(ports), ports),
    resync: new ControlLoop(
      resyncReconciler(() => {
        reportIgnoredNodes(ports);
        addEverything();
      }),
      ports,
    ),
  };

  /**
   * A fence starts at once. Without one Azure is not asked again before its time: a node writes its
   * attachment as often as it likes.
   */
  const addFence = (volumeName: string): void => {
    const record = ports.cache.get("AzVolume", volumeName)?.status?.record;
    if (record?.fencing !== undefined) loops.fence.queue.add(volumeName);
    else if (nodesIn(record, "unverified").length > 0) loops.fence.queue.addInTime(volumeName);
  };
  const addVolumeAlone = (volumeName: string): void => {
    loops.volume.queue.add(volumeName);
    loops.disk.queue.add(volumeName);
    loops.tags.queue.addInTime(volumeName);
    addFence(volumeName);
  };
  const addAttachmentsOf = (volumeName: string): void => {
    for (const attachment of ports.cache.byIndex("AzVolumeAttachment", "volumeName", volumeName))
      loops.attachment.queue.add(attachment.metadata.name);
  };
  const addAttachmentsOn = (nodeName: string): void => {
    for (const attachment of ports.cache.byIndex("AzVolumeAttachment", "nodeName", nodeName))
      loops.attachment.queue.add(attachment.metadata.name);
  };
  const isGone = (nodeName: string): boolean => ports.users.cachedNode(nodeName).isGone;
  const barrierPendingNodes = (): ReadonlySet<string> =>
    new Set(ports.cache.list("AzVolume").flatMap(barrierPendingNames));
  const addEverything = (): void => {
    for (const volume of ports.cache.list("AzVolume")) addVolumeAlone(volume.metadata.name);
    // Nothing has changed for these: Azure is not asked again before its time.
    for (const attachment of ports.cache.list("AzVolumeAttachment"))
      loops.attachment.queue.remind(attachment.metadata.name);
    for (const name of ports.cache.ignoredAttachments()) loops.attachment.queue.remind(name);
    const quarantined = quarantinedNames(ports);
    for (const nodeName of [
      ...ports.cache.list("AzDriverNode").map(({ metadata }) => metadata.name),
      ...quarantined,
    ])
      if (isGone(nodeName) || quarantined.has(nodeName)) loops.driverNode.queue.remind(nodeName);
    for (const nodeName of barrierPendingNodes()) loops.settle.queue.remind(nodeName);
    loops.rebuild.queue.add(ONLY_KEY);
    loops.wants.queue.add(ONLY_KEY);
  };
  /**
   * What the orchestrator says of a node and of its users. Only the plans of writers and replicas use it;
   * those of disks and attachments do not.
   */
  const onNode: NodeListener = (nodeName, changed) => {
    if (changed === "node") loops.placement.queue.addAfter(nodeName, PLACE_AFTER_MS);
    for (const { metadata, spec, status } of ports.cache.byIndex(
      "AzVolumeAttachment",
      "nodeName",
      nodeName,
    )) {
      loops.volume.queue.add(spec.volumeName);
      // The pod behind it may just have been seen.
      if (status === undefined) loops.attachment.queue.add(metadata.name);
    }
    // An entry without an attachment may wait for the uid of its Node.
    for (const { metadata } of ports.cache.byIndex("AzVolume", "recordedOn", nodeName))
      loops.volume.queue.add(metadata.name);
    if (isGone(nodeName)) loops.driverNode.queue.add(nodeName);
  };
  /**
   * All reconcilers that read this attachment: of the other attachments of its volume only the number of
   * shares matters.
   */
  const onAttachment = (name: string, volumeName: string, isShareMoved: boolean): void => {
    loops.attachment.queue.add(name);
    loops.volume.queue.add(volumeName);
    addFence(volumeName);
    const volume = ports.cache.get("AzVolume", volumeName);
    if (volume !== undefined && asksForAttachments(volume)) loops.disk.queue.add(volumeName);
    if (isShareMoved) addAttachmentsOf(volumeName);
  };

  /** The records of the rebuild are trusted from now on. What it has refused is queued at once. */
  const onSweepEnd = (): void => {
    for (const nodeName of barrierPendingNodes()) loops.settle.queue.add(nodeName);
    for (const { metadata, status } of ports.cache.list("AzVolume")) {
      if (nodesIn(status?.record, "unverified").length === 0) continue;
      loops.fence.queue.add(metadata.name);
      loops.vanished.queue.add(metadata.name);
    }
  };

  const holds = (attachment: AzVolumeAttachment | undefined): boolean =>
    attachment !== undefined && holdsShare(ports, attachment);
  const onChange = (change: ObjectChange): void => {
    if (isErased(change)) loops.recovery.queue.addAfter(ONLY_KEY, ERASED_AFTER_MS);
    if (change.kind === "AzVolume") {
      if (!isNewsOfVolume(change.previous, change.current)) return;
      addVolumeAlone(change.name);
      addAttachmentsOf(change.name);
      for (const nodeName of leftQuarantine(change.previous, change.current)) addAttachmentsOn(nodeName);
      for (const nodeName of newlyBarrierPending(change.previous, change.current))
        loops.settle.queue.add(nodeName);
    }
    if (change.kind === "AzVolumeAttachment") {
      const { previous, current } = change;
      const { volumeName, nodeName } = (current ?? previous)?.spec ?? {};
      if (volumeName === undefined || nodeName === undefined) return;
      if (isSlotFreed(previous, current)) loops.placement.queue.addAfter(nodeName, PLACE_AFTER_MS);
      if (isNewsOfAttachment(previous, current, ports.settings))
        onAttachment(change.name, volumeName, holds(previous) !== holds(current));
      else if (isRefused(previous) !== isRefused(current)) loops.volume.queue.add(volumeName);
    }
    if (change.kind === "AzDriverNode" && isMoreThanHeartbeat(change.previous, change.current)) {
      addEverything();
      addAttachmentsOn(change.name);
    }
    if (change.kind === "Lease" && sweepOf(change.current) > sweepOf(change.previous))
      loops.rebuild.queue.add(ONLY_KEY);
    if (change.kind === "Lease" && sweepOf(change.current) < sweepOf(change.previous)) onSweepEnd();
  };

  loops.recovery.queue.add(ONLY_KEY);
  loops.rebuild.queue.add(ONLY_KEY);
  loops.resync.queue.add(ONLY_KEY);
  loops.silence.queue.add(ONLY_KEY);
  const { rebuild, ...others } = loops;
  return {
    loops: Object.values(others),
    rebuild,
    rebuildNow: () => rebuild.queue.add(ONLY_KEY),
    onChange,
    onNode,
  };
}

/**
 * Whether a volume has changed in a field that a plan reads. The begin of a try, the result of a failed
 * one (its error, its retries) and conditions do not count: otherwise each failure would trigger the next
 * try at once, and defeat the back-off and Azure's Retry-After.
 */
function isNewsOfVolume(previous: AzVolume | undefined, current: AzVolume | undefined): boolean {
  const relevant = (volume: AzVolume | undefined): object | undefined => {
    if (volume === undefined) return undefined;
    const { resourceVersion: _, ...metadata } = volume.metadata;
    const {
      error: __,
      conditions: ___,
      unrequestedSince: ____,
      state,
      ...status
    } = volume.status ?? { conditions: [], state: "Pending" as const };
    const phase = state === "Creating" ? "Pending" : state;
    return { metadata, spec: volume.spec, status, phase, isRecordMissing: isRecordMissing(volume) };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/**
 * The same for an attachment: a pending, a running and a failed try count as one state, until it was the
 * last one.
 */
function isNewsOfAttachment(
  previous: AzVolumeAttachment | undefined,
  current: AzVolumeAttachment | undefined,
  settings: VolumeSettings,
): boolean {
  const relevant = (attachment: AzVolumeAttachment | undefined): object | undefined => {
    if (attachment === undefined) return undefined;
    const { resourceVersion: _, ...metadata } = attachment.metadata;
    const { error: __, state, attempt: ___, ...status } = attachment.status ?? { state: "Pending" as const };
    const isUnderWay =
      attachment.metadata.deletionTimestamp !== undefined ||
      state === "Attaching" ||
      state === "AttachmentFailed";
    const phase = isUnderWay ? "Pending" : state;
    return { metadata, spec: attachment.spec, status, phase, isGone: isGone({ settings }, attachment) };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/** Nodes with a new pending write barrier: all of them where the record was rebuilt. */
function newlyBarrierPending(
  previous: AzVolume | undefined,
  current: AzVolume | undefined,
): readonly string[] {
  const isRebuilt =
    previous?.metadata.uid !== current?.metadata.uid ||
    previous?.status?.record?.storeIncarnation !== current?.status?.record?.storeIncarnation;
  const known = new Set(isRebuilt ? [] : barrierPendingNames(previous));
  return barrierPendingNames(current).filter((nodeName) => !known.has(nodeName));
}

/**
 * An object that is gone without a regular release: its disk exists and stays on its VMs, and no other
 * object records that.
 */
function isErased(change: ObjectChange): boolean {
  if (change.current !== undefined) return false;
  if (change.kind === "AzVolume") return change.previous?.spec.deleteRequested === false;
  if (change.kind !== "AzVolumeAttachment") return false;
  const state = change.previous?.status?.state;
  return state === "Attaching" || state === "Attached" || state === "AttachmentFailed";
}

/** Whether a node has a slot more for replicas: no requested volume waits for it any longer. */
function isSlotFreed(
  previous: AzVolumeAttachment | undefined,
  current: AzVolumeAttachment | undefined,
): boolean {
  if (previous === undefined) return false;
  return current === undefined || (waitsForSlot(previous) && !waitsForSlot(current));
}

/** Counted in the volume's condition. It triggers no retry: its time has been set. */
function isRefused(attachment: AzVolumeAttachment | undefined): boolean {
  return isPermanentKind(attachment?.status?.error?.kind ?? "");
}

/** The next store incarnation, while records are being rebuilt; zero otherwise. */
function sweepOf(lease: Lease | undefined): number {
  return lease === undefined ? 0 : annotatedNumber(lease, REBUILD_ANNOTATION);
}

/** Names of nodes that were fenced from volumes, each once: some have no AzDriverNode. */
function quarantinedNames({ cache }: ControllerPorts): ReadonlySet<string> {
  return new Set(cache.list("AzVolume").flatMap(namesInQuarantine));
}

function namesInQuarantine(volume: AzVolume | undefined): readonly string[] {
  return nodesIn(volume?.status?.record, "quarantined").map(({ nodeName }) => nodeName);
}

/** Nodes to which disks may be attached again, including those of other volumes. */
function leftQuarantine(previous: AzVolume | undefined, current: AzVolume | undefined): readonly string[] {
  return namesInQuarantine(previous).filter((nodeName) => !namesInQuarantine(current).includes(nodeName));
}

/** Whether a node has changed in a field that a plan reads. */
function isMoreThanHeartbeat(previous: AzDriverNode | undefined, current: AzDriverNode | undefined): boolean {
  const relevant = (node: AzDriverNode | undefined): object | undefined => {
    if (node?.status === undefined) return undefined;
    const { lastHeartbeatTime: _, heartbeat: __, volumes: ___, instanceUri: ____, ...status } = node.status;
    return { status, leaving: node.metadata.deletionTimestamp };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/** Calls `onRecovered` each time that all disks have been compared. */
function recoveryReconciler(
  ports: ControllerPorts,
  report: RecoveryReport,
  onRecovered: () => void,
): Reconciler {
  return {
    name: "recovery",
    workers: 1,
    backoff: { baseMs: 500, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const recovered = await recoverVolumes(ports, signal);
      if (!recovered.ok) return recovered;
      onRecovered();
      const forgotten = await forgetVolumes(ports, signal);
      if (!forgotten.ok) return forgotten;
      report.unclaimedDisks(forgotten.value.unclaimed);
      ports.logger.info("recovery done", { rebuilt: recovered.value, ...forgotten.value });
      return ok({ againAfterMs: RECOVER_AGAIN_MS });
    },
  };
}

function requestsReconciler(ports: ControllerPorts): Reconciler {
  return {
    name: "wants",
    workers: 1,
    backoff: { baseMs: 500, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const restored = await syncVolumeAttachments(ports, signal);
      if (!restored.ok) return restored;
      return ok(restored.value.waiting > 0 ? { againAfterMs: REQUESTS_AGAIN_MS } : {});
    },
  };
}

function resyncReconciler(addEverything: () => void): Reconciler {
  return {
    name: "resync",
    workers: 1,
    backoff: { baseMs: RESYNC_MS, maxMs: RESYNC_MS },
    reconcile: () => {
      addEverything();
      return Promise.resolve(ok({ againAfterMs: RESYNC_MS }));
    },
  };
}
