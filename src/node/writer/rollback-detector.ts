import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeKey } from "../../core/api/identity/node-identity.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import { type HighWaterMark, isOlder } from "../../core/rollback/high-water-mark.ts";
import { reportOf } from "../../core/rollback/rollback-reports.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Returns the store incarnation, if this node may trust the store's records. Fails with `StoreRolledBack`
 * where the store shows less than this node remembers, of the controllers' Lease or of its own heartbeat,
 * or did and no leader has raised the store incarnation since, also where its report was lost with its
 * AzDriverNode. Read uncached: the caller is about to mount or unmount by a record.
 */
export async function readTrustedIncarnation(ports: NodePorts, signal: AbortSignal): Promise<Result<number>> {
  // Before the reads: a heartbeat in between only makes the store newer.
  const remembered = rememberedBy(ports.checkpoints);
  const incarnation = await readStoreIncarnation(ports, signal);
  if (!incarnation.ok) return incarnation;
  const recorded = recordedRollback(ports.checkpoints, incarnation.value);
  if (recorded !== undefined) return fail({ kind: "StoreRolledBack", detail: recorded });
  const own = await ports.store.get("AzDriverNode", ports.node.nodeName, signal);
  if (!own.ok) return own.failure.kind === "ObjectNotFound" ? incarnation : own;
  const detail =
    olderHeartbeat(ports.node, own.value, incarnation.value, {
      ...remembered,
      incarnation: incarnation.value,
    }) ?? reportOf(own.value, incarnation.value)?.message;
  return detail === undefined ? incarnation : fail({ kind: "StoreRolledBack", detail });
}

/**
 * The volumes of this node's checkpoints: by the cache, and past it where the cache lacks one. An AzVolume
 * that was restored from before its record named this node lacks the node's label. One that can't be read
 * now is left out: the next heartbeat tries it again, and no heartbeat waits for it.
 */
export async function readCheckpointedVolumes(
  { store, cache, checkpoints, logger }: Pick<NodePorts, "store" | "cache" | "checkpoints" | "logger">,
  signal: AbortSignal,
): Promise<readonly AzVolume[]> {
  const volumes = await Promise.all(
    checkpoints.volumes().map(async ({ volumeName }) => {
      const cached = cache.get("AzVolume", volumeName);
      if (cached !== undefined) return cached;
      const read = await store.get("AzVolume", volumeName, signal);
      if (read.ok) return read.value;
      if (read.failure.kind !== "ObjectNotFound" && !signal.aborted)
        logger.warn("checkpointed volume not read", { volumeName, failure: read.failure });
      return [];
    }),
  );
  return volumes.flat();
}

/**
 * Returns the reason if this node sees a rollback at a heartbeat that it has not reported yet. `own`: its
 * object in the store. `volumes`: those of its checkpoints. `earlier`: the store incarnation at its last
 * heartbeat; undefined: not known. A later one shows that others have noticed the rollback, and that every
 * record was or will be rebuilt.
 */
export function detectRollback(
  { checkpoints, node }: Pick<NodePorts, "checkpoints" | "node">,
  { own, volumes }: { readonly own: AzDriverNode; readonly volumes: readonly AzVolume[] },
  { present, earlier }: { readonly present: number; readonly earlier: number | undefined },
): string | undefined {
  // Without a Lease, which may be deleted by hand, the incarnation is zero: that is no rollback.
  const incarnation = Math.min(earlier ?? present, present);
  return (
    olderHeartbeat(node, own, present, { ...rememberedBy(checkpoints), incarnation }) ??
    volumes
      .filter((volume) => !awaitsRebuild(volume, present))
      .flatMap((volume) => olderThanCheckpoint({ checkpoints, node }, volume) ?? [])[0] ??
    recordedRollback(checkpoints, present)
  );
}

/**
 * Whether a record is from before a rebuild that the Lease shows. It will be rebuilt, and until then no step
 * grants or revokes the volume. If this node reported it, the report would start another rebuild, or, as a
 * repeated report of one node, wait for ten minutes.
 */
function awaitsRebuild({ status }: AzVolume, incarnation: number): boolean {
  return status?.record !== undefined && status.record.storeIncarnation < incarnation;
}

/** What a node remembers of its heartbeat, the VM that wrote it, and as which node; undefined: not known. */
interface RememberedHeartbeat extends HighWaterMark {
  readonly vmId: string | undefined;
  readonly nodeName: string | undefined;
}

function rememberedBy(checkpoints: NodeCheckpoints): Omit<RememberedHeartbeat, "incarnation"> {
  return {
    counter: checkpoints.heartbeat(),
    vmId: checkpoints.heartbeatVmId(),
    nodeName: checkpoints.heartbeatNodeName(),
  };
}

/**
 * A node that has just been registered shows no heartbeat to compare. Nor is one compared that another node's
 * VM has written: a system disk that was copied from there counts in that node's object. Of a VM that was
 * made again with its own disk the store shows the earlier VM. One that was written under another name of the
 * node counts in the object of that name.
 */
function olderHeartbeat(
  node: Pick<NodeKey, "vmId">,
  { spec, status }: AzDriverNode,
  incarnation: number,
  { vmId, nodeName = spec.nodeName, ...remembered }: RememberedHeartbeat,
): string | undefined {
  if (nodeName !== spec.nodeName) return undefined;
  if (status === undefined || !isOlder({ incarnation, counter: status.heartbeat }, remembered))
    return undefined;
  if (vmId !== undefined && !isSameVmId(vmId, node.vmId) && !isSameVmId(vmId, status.vmId)) return undefined;
  return `the heartbeat is ${status.heartbeat} in the store, this node has written ${remembered.counter}`;
}

/** Returns the reason if this node has recorded a rollback in that incarnation. */
function recordedRollback(checkpoints: NodeCheckpoints, incarnation: number): string | undefined {
  if (checkpoints.rollbackIncarnation() !== incarnation) return undefined;
  return `this node saw it, and no controller has rebuilt the records of incarnation ${incarnation} since`;
}

/**
 * Returns the reason if a volume's record is older than this node's checkpoint of that very object,
 * written before the mount. A record that lists this node as unverified was rebuilt, and waits for what
 * the node knows.
 */
export function olderThanCheckpoint(
  ports: Pick<NodePorts, "checkpoints" | "node">,
  volume: AzVolume,
): string | undefined {
  const checkpoint = ports.checkpoints
    .volumes()
    .find((other) => other.volumeName === volume.metadata.name && other.uid === volume.metadata.uid);
  const record = volume.status?.record;
  if (
    checkpoint === undefined ||
    record === undefined ||
    checkpoint.epoch <= record.epoch ||
    isNamed(record, ports.node, "unverified")
  )
    return undefined;
  return `${volume.metadata.name} is at epoch ${record.epoch}, this node's checkpoint at ${checkpoint.epoch}`;
}
