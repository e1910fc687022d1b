import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isNamedAs } from "../../core/writer/record-nodes.ts";
import { STORE_WENT_BACK, rolledBackReason } from "../../objects/rollback-reports.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Returns the store incarnation, if this node may trust the store's records. Fails with `StoreRolledBack`
 * where the node's heartbeat counter in the store is below its own, or was and no leader has raised the
 * store incarnation since, also where its report was lost with its AzDriverNode. Read uncached: the
 * caller is about to mount or unmount by a record.
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

/** Returns the reason if this node has recorded a rollback in that incarnation. */
export function recordedDoubt(
  checkpoints: Pick<NodeCheckpoints, "doubtedIncarnation">,
  generation: number,
): string | undefined {
  if (checkpoints.doubtedIncarnation() !== generation) return undefined;
  return `this node saw it, and no controller has rebuilt the records of incarnation ${generation} since`;
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
    isNamedAs(record, ports.node, "unverified")
  )
    return undefined;
  return `${volume.metadata.name} is at epoch ${record.epoch}, this node's checkpoint at ${checkpoint.epoch}`;
}
