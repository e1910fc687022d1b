import type { AzVolume } from "../../core/api/az-volume.ts";
import { includesNode } from "../../core/api/node-identity.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { STORE_WENT_BACK, rolledBackReason } from "../../objects/rollback-reports.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * The store incarnation, if this node may trust the store's records. Fails with `StoreRolledBack` where the
 * node's heartbeat counter shows an older state than the node remembers, or did and no leader has raised
 * the store incarnation since: also where what it has said of that was lost with its AzDriverNode. Asked
 * afresh: whoever asks is about to mount, or to unmount, by a record.
 */
export async function readTrustedIncarnation(
  ports: NodePorts,
  signal: AbortSignal,
): Promise<Result<number, Failure>> {
  // Before the reads: a heartbeat in between only makes the store newer.
  const remembered = ports.checkpoints.heartbeat();
  const generation = await readStoreIncarnation(ports, signal);
  if (!generation.ok) return generation;
  const doubt = recordedDoubt(ports.checkpoints, generation.value);
  if (doubt !== undefined) return fail({ kind: "StoreRolledBack", detail: doubt });
  const own = await ports.store.get("AzDriverNode", ports.node.nodeName, signal);
  if (!own.ok) return own.failure.kind === "ObjectNotFound" ? generation : own;
  const status = own.value.status;
  if (status === undefined) return generation;
  if (status.heartbeat < remembered)
    return fail({
      kind: "StoreRolledBack",
      detail: `the heartbeat is ${status.heartbeat} in the store, this node has written ${remembered}`,
    });
  const reported = status.conditions.find((condition) => condition.type === STORE_WENT_BACK);
  if (reported?.status === "True" && reported.reason === rolledBackReason(generation.value))
    return fail({ kind: "StoreRolledBack", detail: reported.message });
  return ok(generation.value);
}

/** Says so if this node has noted that the store went back in that generation. */
export function recordedDoubt(
  checkpoints: Pick<NodeCheckpoints, "doubtedIncarnation">,
  generation: number,
): string | undefined {
  if (checkpoints.doubtedIncarnation() !== generation) return undefined;
  return `this node saw that it did, and no controller has proven the records of generation ${generation} anew since`;
}

/**
 * Says so if a volume's record is older than what this node noted before it mounted that very object. A
 * record that holds this node for unverified was made anew, and waits for what the node knows.
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
    includesNode(record.unverified, ports.node)
  )
    return undefined;
  return `${volume.metadata.name} is at epoch ${record.epoch}, this node noted ${checkpoint.epoch}`;
}
