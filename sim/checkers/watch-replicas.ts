import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { AzVolumeAttachment } from "../../src/core/model/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/model/az-volume.ts";
import { isSameResourceUri } from "../../src/core/model/disk-uri.ts";
import type { NodeIdentity } from "../../src/core/model/node-identity.ts";
import { LAST_RESORT_MS } from "../../src/core/plan/choose-evicted.ts";
import { isLeaving, isRecordMissing } from "../../src/core/plan/observed-volume.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";

/** What the checker looks at. */
interface ReplicaWorld {
  readonly clock: Pick<VirtualClock, "elapsedMs">;
  readonly store: Pick<SimulatedStore, "onCommit" | "objects">;
  readonly cluster: Pick<SimCluster, "pods" | "nodes" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService" | "isTokenStolen">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

/**
 * A failover finds its replicas: no controller removes an attached replica while its volume has no writer, or one that is being replaced or whose node is not ready, and a
 * node requests it or a pod uses it. `knownAfterMs`: how long a request or a pod is there, or a node not ready, before every controller knows of it. Legitimate are the removals
 * that `whyLegitimate` lists, and those by hand. Where nodes attach by themselves (`attach`), a request without a pod was left behind, and only pods count.
 */
export function watchReplicas(world: ReplicaWorld, options: { readonly knownAfterMs: number; readonly attach: "kubernetes" | "driver" }): void {
  const { clock, cluster, store } = world;
  /** Since when there are what now asks for a volume (attachments with a request by name, pods by uid), and nodes that are not ready. */
  const since = new Map<string, number>();

  function look(): void {
    const present = new Set([
      ...store.objects("AzVolumeAttachment").flatMap((attachment) => (isRequest(attachment) ? attachment.metadata.name : [])),
      ...cluster.pods().map(({ uid }) => uid),
      ...cluster.nodes().flatMap(({ name, isReady }) => (isReady ? [] : notReadyKey(name))),
    ]);
    for (const key of since.keys()) if (!present.has(key)) since.delete(key);
    for (const key of present) if (!since.has(key)) since.set(key, clock.elapsedMs());
  }
  const knownForMs = (key: string): number => clock.elapsedMs() - (since.get(key) ?? Number.POSITIVE_INFINITY);
  const isKnown = (key: string): boolean => knownForMs(key) >= options.knownAfterMs;

  /** What asks for the volume, for people; undefined: nothing that a controller must know of. */
  function whatRequests(attachments: readonly AzVolumeAttachment[], diskUri: string): string | undefined {
    const isHonest = ({ spec }: AzVolumeAttachment): boolean => !world.outside.isTokenStolen(spec.nodeName);
    const requests = options.attach === "driver" ? [] : attachments;
    const request = requests.find((attachment) => isRequest(attachment) && isHonest(attachment) && isKnown(attachment.metadata.name));
    if (request !== undefined) return `${request.spec.nodeName} requests it`;
    const pod = cluster.pods().find(({ uid, volumeName }) => isKnown(uid) && isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri));
    return pod === undefined ? undefined : `pod ${pod.name} uses it`;
  }

  store.onCommit((commit) => {
    look();
    const replica = removedReplica(commit);
    if (replica === undefined) return;
    const volume = store.objects("AzVolume").find(({ metadata }) => metadata.name === replica.spec.volumeName);
    if (volume === undefined || hasSettledWriter(volume, (nodeName) => isKnown(notReadyKey(nodeName)))) return;
    const others = store
      .objects("AzVolumeAttachment")
      .filter(({ metadata, spec }) => spec.volumeName === replica.spec.volumeName && metadata.name !== replica.metadata.name);
    const requested = whatRequests(others, replica.spec.volumeId);
    if (requested === undefined || whyLegitimate(world, volume, replica, others, knownForMs) !== undefined) return;
    world.report({
      invariant: "replica-removed",
      detail: `${commit.by} removed the replica of ${volume.metadata.name} on ${replica.spec.nodeName}, which has no writer, while ${requested}`,
    });
  });
}

/** Why a replica may be removed though its volume is requested and has no writer. */
function whyLegitimate(
  world: ReplicaWorld,
  volume: AzVolume,
  replica: AzVolumeAttachment,
  others: readonly AzVolumeAttachment[],
  requestedForMs: (attachmentName: string) => number,
): string | undefined {
  const { nodeName } = replica.spec;
  const { maxShares, maxMountReplicaCount } = volume.spec;
  const record = volume.status?.record;
  if (volume.spec.deleteRequested) return "the volume is being deleted";
  if (maxMountReplicaCount === 0) return "no replicas are asked for";
  const node = world.cluster.nodes().find(({ name }) => name === nodeName);
  if (node === undefined) return "its node is gone";
  if (world.outside.wasOutOfService(nodeName)) return "its node is out of service";
  // An earlier VM of the node's name that was cut off is no reason.
  const isItsVm = (vm: NodeIdentity): boolean => vm.vmId === replica.status?.vmId || isSameResourceUri(vm.instanceUri, node.instanceUri);
  const cutOff = [...(record?.quarantine ?? []), ...(record?.fencing === undefined ? [] : [record.fencing])];
  if (cutOff.some((vm) => vm.nodeName === nodeName && isItsVm(vm))) return "its node is cut off from the disk";
  const staying = others.filter((attachment) => !isLeaving(attachment));
  if (staying.length + 1 > maxShares) return "a primary needs its share";
  const isServed = staying.some(({ spec, status }) => spec.role === "Primary" && status?.state === "Attached");
  const replicas = staying.filter(({ spec }) => spec.role === "Replica").length + 1;
  if (isServed && replicas > maxMountReplicaCount) return "there are more than asked for";
  const isFull = world.store
    .objects("AzVolumeAttachment")
    .some(
      ({ metadata, spec, status }) =>
        spec.nodeName === nodeName && spec.role === "Primary" && status?.error?.kind === "NoFreeLun" && requestedForMs(metadata.name) >= LAST_RESORT_MS,
    );
  return isFull ? "a primary of another volume has long needed its slot" : undefined;
}

/** The attached replica that a controller marks for deletion, or deletes, with this commit. */
function removedReplica(commit: SimulatedCommit): AzVolumeAttachment | undefined {
  if (commit.kind !== "AzVolumeAttachment" || commit.before === undefined || !commit.by.startsWith("controller")) return undefined;
  const before = asKind<"AzVolumeAttachment">(commit.before);
  const isRemoved = commit.after === undefined || isLeaving(asKind<"AzVolumeAttachment">(commit.after));
  if (!isRemoved || isLeaving(before)) return undefined;
  return before.spec.role === "Replica" && before.status?.state === "Attached" ? before : undefined;
}

/** Whether a node writes, is to keep writing, and is not known to be in trouble. A record that is being rebuilt settles nothing. */
function hasSettledWriter(volume: AzVolume, isNotReady: (nodeName: string) => boolean): boolean {
  const record = volume.status?.record;
  if (record === undefined) return !isRecordMissing(volume);
  return record.writer?.wanted === true && record.fencing === undefined && !isNotReady(record.writer.nodeName);
}

function notReadyKey(nodeName: string): string {
  return `not ready: ${nodeName}`;
}

function isRequest(attachment: AzVolumeAttachment): boolean {
  return !isLeaving(attachment) && (attachment.spec.role === "Primary" || attachment.spec.want !== undefined);
}
