import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { LAST_RESORT_MS } from "../../src/core/attachment/choose-evicted.ts";
import {
  isTerminating,
  isRecordMissing,
  isResizingOffline,
} from "../../src/core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import { isSingleWriter } from "../../src/core/volume/access-modes.ts";
import { nodesIn } from "../../src/core/writer/record/record-nodes.ts";
import { objectsIn } from "../history/objects-in.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import type { SimCluster, SimNode, SimPod } from "../kubernetes/sim-cluster.ts";
import { createPresences } from "./presences.ts";

/** What the checker looks at. */
interface ReplicaWorld {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly store: Pick<SimulatedStore, "onCommit" | "objects">;
  readonly cluster: Pick<SimCluster, "pods" | "nodes" | "volumeAttachments" | "diskUriOf" | "onNodeChange">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService" | "isNewsLate">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

/** How long a request or a pod exists before every controller knows of it, in milliseconds. */
const KNOWN_AFTER_MS = 3_000;
/**
 * The same while faults delay watches. The longest pause of a process, and the longest hold of a watch,
 * last 90 s. Its last decision before that may rest on a state that another fault delivered 30 s late.
 */
const KNOWN_LATE_MS = 120_000;
/** A controller sees a Node so much later at most, without any fault, and misses what it was in between. */
const SEEN_AFTER_MS = 200;
/**
 * Between the answer about another attachment, past the cache, and a deletion that rests on it there may be
 * half of that read, another one and the deletion, of up to 5 ms each.
 */
const READ_BEFORE_MS = 15;
/** How much of a time must have passed where a process's clock says that all of it has. */
const CLOCK_SHARE = 0.9;
/**
 * A volume whose next pod comes within this time, in milliseconds, was in use throughout: a StatefulSet
 * creates a pod's successor once the pod is gone.
 */
const SUCCESSOR_MS = 3_000;

/**
 * A failover finds its replicas: no controller removes an attached replica while its volume has no writer,
 * or one that is being replaced or whose node is not ready, and a node requests it or a pod uses it, which
 * every controller knows. `whyLegitimate` lists the legitimate removals, besides those by hand. A request
 * without a VolumeAttachment was put back by a backup, or is that of a stolen token. If nodes attach by
 * themselves (`attach`), one without a pod was left behind, and only pods count.
 *
 * A volume that several nodes write has no writer that is replaced. Where one of them has just left, its next
 * pod may come to any replica: none is removed as one too many until `pruneReplicasAfterMs` later.
 */
export function watchReplicas(
  world: ReplicaWorld,
  {
    attach,
    releaseDrainedAfterMs,
    pruneReplicasAfterMs,
  }: {
    readonly attach: "kubernetes" | "driver";
    readonly releaseDrainedAfterMs: number;
    readonly pruneReplicasAfterMs: number;
  },
): void {
  const { clock, cluster, store } = world;
  const presences = createPresences(() => clock.elapsedMs());
  /** The uids of all Nodes that had a name, by that name. */
  const uidsOf = new Map<string, Set<string>>();
  /** When a node was last seen unschedulable for as long as its replicas are kept, by its name. */
  const drainedAtMs = new Map<string, number>();

  function look(): void {
    // Until now, nodes were as at the last look.
    noteDrained();
    const present = new Map<string, number>();
    for (const attachment of store.objects("AzVolumeAttachment")) {
      if (isRequest(attachment)) present.set(attachment.metadata.name, 0);
      if (isTerminating(attachment)) present.set(leavingKey(attachment), 0);
    }
    for (const { name, uid, isReady, isUnschedulable } of cluster.nodes()) {
      present.set(nodeKey(uid), 0);
      uidsOf.set(name, (uidsOf.get(name) ?? new Set()).add(uid));
      if (!isReady) present.set(notReadyKey(name), 0);
      if (isUnschedulable)
        present.set(drainedKey(name), SEEN_AFTER_MS).set(drainedAgainKey(name), KNOWN_LATE_MS);
    }
    for (const pod of cluster.pods())
      present.set(podKey(pod), 0).set(boundKey(pod), 0).set(useKey(pod), SUCCESSOR_MS);
    presences.look(present);
    noteDrained();
  }
  const knownAfterMs = (): number => (world.outside.isNewsLate() ? KNOWN_LATE_MS : KNOWN_AFTER_MS);
  const isKnown = (key: string): boolean => presences.forMs(key) >= knownAfterMs();
  const isOf = ({ volumeName }: { readonly volumeName: string }, diskUri: string): boolean =>
    isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri);
  const isThere = (
    one: { readonly nodeName?: string | undefined; readonly volumeName: string },
    { spec: { nodeName, volumeId } }: AzVolumeAttachment,
  ): boolean => one.nodeName === nodeName && isOf(one, volumeId);
  const isPublished = (attachment: AzVolumeAttachment): boolean =>
    cluster.volumeAttachments().some((one) => isThere(one, attachment));
  /**
   * A backup that was put back may show the pod's earlier node as the primary, and the role may be that of
   * a stolen token. Where nodes attach by themselves, the pod decides, and otherwise the VolumeAttachment.
   */
  const isPrimary = (attachment: AzVolumeAttachment): boolean => {
    if (attach === "driver") return cluster.pods().some((pod) => isThere(pod, attachment));
    return attachment.spec.role === "Primary" && isPublished(attachment);
  };

  /**
   * A replica that is released from there leaves a moment after its volume may have lost its writer. A
   * controller may miss that the node was schedulable in between, for long while faults delay watches.
   */
  function noteDrained(): void {
    const keyOf = world.outside.isNewsLate() ? drainedAgainKey : drainedKey;
    for (const name of uidsOf.keys())
      if (presences.forMs(keyOf(name)) >= releaseDrainedAfterMs) drainedAtMs.set(name, clock.elapsedMs());
  }
  /** A controller that removes a replica may have decided, by its cache, before the node was uncordoned. */
  const isDrained = (nodeName: string): boolean =>
    clock.elapsedMs() - (drainedAtMs.get(nodeName) ?? Number.NEGATIVE_INFINITY) < knownAfterMs();

  /** A controller may have asked for the Node a moment before it was created again. */
  const wasGone = ({ name, uid }: SimNode): boolean =>
    (uidsOf.get(name)?.size ?? 0) > 1 && presences.forMs(nodeKey(uid)) < KNOWN_AFTER_MS;

  /** When a node last stopped being a primary of a volume, by its name. */
  const leftAtMs = new Map<string, number>();
  /** By the clock of a controller, which may be faster. */
  const wasJustLeft = ({ metadata }: AzVolume): boolean =>
    clock.elapsedMs() - (leftAtMs.get(metadata.name) ?? Number.NEGATIVE_INFINITY) <
    pruneReplicasAfterMs * CLOCK_SHARE;

  /** What requests the volume, as text; undefined if nothing does that a controller must know of. */
  function whatRequests(
    volume: AzVolume,
    attachments: readonly AzVolumeAttachment[],
    diskUri: string,
  ): string | undefined {
    const requests = attach === "driver" ? [] : attachments;
    const request = requests.find(
      (attachment) => isRequest(attachment) && isPublished(attachment) && isKnown(attachment.metadata.name),
    );
    if (request !== undefined) return `${request.spec.nodeName} requests it`;
    // A growth begins as soon as no pod uses the volume, and replicas are deleted at once.
    const keyOf = isResizingOffline(volume) ? podKey : useKey;
    const pod = cluster.pods().find((one) => isKnown(keyOf(one)) && isOf(one, diskUri));
    return pod === undefined ? undefined : `pod ${pod.name} on ${pod.nodeName ?? "no node"} uses it`;
  }

  // The store may be away while nodes change.
  cluster.onNodeChange(look);
  store.onCommit((commit) => {
    look();
    const left = leftPrimary(commit);
    if (left !== undefined) leftAtMs.set(left, clock.elapsedMs());
    const replica = removedReplica(commit);
    if (replica === undefined) return;
    const volume = store
      .objects("AzVolume")
      .find(({ metadata }) => metadata.name === replica.spec.volumeName);
    if (volume === undefined) return;
    const isShared = !isSingleWriter(volume.spec.capabilities);
    const isSettled = isShared
      ? !wasJustLeft(volume)
      : hasSettledWriter(volume, (nodeName) => isKnown(notReadyKey(nodeName)));
    if (isSettled) return;
    const others = store
      .objects("AzVolumeAttachment")
      .filter(
        ({ metadata, spec }) =>
          spec.volumeName === replica.spec.volumeName && metadata.name !== replica.metadata.name,
      );
    const requested = whatRequests(volume, others, replica.spec.volumeId);
    if (
      requested === undefined ||
      whyLegitimate(world, {
        volume,
        replica,
        others,
        isPrimary,
        isOf,
        isDrained,
        isExpectedThere: (pod) => !pod.isDeleted && isKnown(boundKey(pod)),
        wasGone,
        isShared,
        hasJustLeft: (other) => isTerminating(other) && presences.forMs(leavingKey(other)) <= READ_BEFORE_MS,
        requestedForMs: presences.forMs,
      }) !== undefined
    )
      return;
    world.report({
      invariant: "replica-removed",
      detail:
        `${commit.by} removed the replica of ${volume.metadata.name} on ${replica.spec.nodeName}, which ` +
        `has no writer, while ${requested}`,
    });
  });
}

/** A removal, and the state of its volume. */
interface Removal {
  readonly volume: AzVolume;
  readonly replica: AzVolumeAttachment;
  /** The volume's other attachments. */
  readonly others: readonly AzVolumeAttachment[];
  readonly isPrimary: (attachment: AzVolumeAttachment) => boolean;
  /** Whether a pod is one of the volume with that disk. */
  readonly isOf: (pod: SimPod, diskUri: string) => boolean;
  /** Whether a node is, or just was, unschedulable for as long as its replicas are kept. */
  readonly isDrained: (nodeName: string) => boolean;
  /** Whether a pod stays on its node, and every controller knows that it was bound to it. */
  readonly isExpectedThere: (pod: SimPod) => boolean;
  /** Whether a Node was created again a moment ago. */
  readonly wasGone: (node: SimNode) => boolean;
  /** Whether several nodes write the volume. */
  readonly isShared: boolean;
  /** Whether an attachment may have stayed when the controller asked for it last. */
  readonly hasJustLeft: (attachment: AzVolumeAttachment) => boolean;
  /** How long an attachment of that name has been a request, in milliseconds. */
  readonly requestedForMs: (attachmentName: string) => number;
}

/** Why a replica may be removed though its volume is requested and has no writer. */
function whyLegitimate(
  world: ReplicaWorld,
  {
    volume,
    replica,
    others,
    isPrimary,
    isOf,
    isDrained,
    isExpectedThere,
    wasGone,
    isShared,
    hasJustLeft,
    requestedForMs,
  }: Removal,
): string | undefined {
  const { nodeName } = replica.spec;
  const { disk, maxMountReplicaCount } = volume.spec;
  const record = volume.status?.record;
  if (volume.spec.deleteRequested) return "the volume is being deleted";
  if (maxMountReplicaCount === 0) return "no replicas are asked for";
  const node = world.cluster.nodes().find(({ name }) => name === nodeName);
  if (node === undefined || wasGone(node)) return "its node is, or just was, gone";
  if (world.outside.wasOutOfService(nodeName)) return "its node is out of service";
  // A fence of an earlier VM with the node's name is no reason.
  const isItsVm = (vm: NodeIdentity): boolean =>
    vm.vmId === replica.status?.vmId || isSameResourceUri(vm.instanceUri, node.instanceUri);
  const cutOff = nodesIn(record, "quarantined", "fencing");
  if (cutOff.some((vm) => vm.nodeName === nodeName && isItsVm(vm))) return "its node is fenced from the disk";
  const staying = others.filter((attachment) => !isTerminating(attachment));
  if (
    staying.length + others.filter(hasJustLeft).length + 1 >
    (volume.status?.detail?.maxShares ?? disk.maxShares)
  )
    return "a primary needs its share";
  const primaries = staying.filter(isPrimary);
  const isServed = primaries.some(({ status }) => status?.state === "Attached");
  const replicas = staying.length - primaries.length + 1;
  if (!isShared && isServed && replicas > maxMountReplicaCount) return "there are more than asked for";
  const spare = staying.filter((other) => !isPrimary(other) && other.status?.state === "Attached");
  const podsThere = world.cluster
    .pods()
    .filter((pod) => pod.nodeName === nodeName && isOf(pod, replica.spec.volumeId));
  if (isDrained(nodeName) && !podsThere.some(isExpectedThere))
    return "its node is, or just was, unschedulable for a while, and no pod waits there";
  if (!isShared && podsThere.some(({ isDeleted }) => isDeleted) && spare.length > maxMountReplicaCount)
    return "its pod leaves, and the others are enough for the next primary and its replicas";
  const isFull = world.store
    .objects("AzVolumeAttachment")
    .some(
      ({ metadata, spec, status }) =>
        spec.nodeName === nodeName &&
        spec.role === "Primary" &&
        status?.error?.kind === "NoFreeLun" &&
        requestedForMs(metadata.name) >= LAST_RESORT_MS,
    );
  return isFull ? "a primary of another volume has long needed its slot" : undefined;
}

/** The volume of a primary that becomes a replica with this commit. */
function leftPrimary(commit: SimulatedCommit): string | undefined {
  const { before, after } = objectsIn(commit, "AzVolumeAttachment");
  if (before?.spec.role !== "Primary" || after?.spec.role !== "Replica") return undefined;
  return isTerminating(after) ? undefined : after.spec.volumeName;
}

/** The attached replica that a controller marks for deletion, or deletes, with this commit. */
function removedReplica(commit: SimulatedCommit): AzVolumeAttachment | undefined {
  const { before, after } = objectsIn(commit, "AzVolumeAttachment");
  if (before === undefined || !commit.by.startsWith("controller")) return undefined;
  const isRemoved = after === undefined || isTerminating(after);
  if (!isRemoved || isTerminating(before)) return undefined;
  return before.spec.role === "Replica" && before.status?.state === "Attached" ? before : undefined;
}

/**
 * Whether a node writes, is to keep writing, and is not known to be in trouble. A record that is being
 * rebuilt does not decide that.
 */
function hasSettledWriter(volume: AzVolume, isNotReady: (nodeName: string) => boolean): boolean {
  const record = volume.status?.record;
  if (record === undefined) return !isRecordMissing(volume);
  return (
    record.writer?.requested === true && record.fencing === undefined && !isNotReady(record.writer.nodeName)
  );
}

function podKey({ uid }: SimPod): string {
  return `pod: ${uid}`;
}

function boundKey({ uid, nodeName }: SimPod): string {
  return `pod: ${uid} on ${nodeName ?? "no node"}`;
}

/** One key for the successive pods of a volume. */
function useKey({ volumeName }: SimPod): string {
  return `use: ${volumeName}`;
}

function leavingKey({ metadata }: AzVolumeAttachment): string {
  return `leaving: ${metadata.uid ?? metadata.name}`;
}

function nodeKey(uid: string): string {
  return `node: ${uid}`;
}

function notReadyKey(nodeName: string): string {
  return `not ready: ${nodeName}`;
}

function drainedKey(nodeName: string): string {
  return `drained: ${nodeName}`;
}

/** One key for the times between which a node was schedulable for a while. */
function drainedAgainKey(nodeName: string): string {
  return `drained again: ${nodeName}`;
}

function isRequest(attachment: AzVolumeAttachment): boolean {
  return (
    !isTerminating(attachment) &&
    (attachment.spec.role === "Primary" || attachment.spec.writerRequest !== undefined)
  );
}
