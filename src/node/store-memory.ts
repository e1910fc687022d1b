import type { Failure } from "../core/failure.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { STORE_WENT_BACK, wentBackReason } from "../reconcile/sweep-store.ts";
import type { NodePorts } from "./node-ports.ts";

/**
 * Why this node does not trust the store: its heartbeat counter or a record shows an older state than the node remembers, and no leader has
 * raised the store generation since. Undefined: it does.
 */
export function storeWentBack(ports: NodePorts, volume: AzVolume, generation: number): Failure | undefined {
  const own = ports.cache.get("AzDriverNode", ports.node.nodeName);
  const reported = own?.status?.conditions.find((condition) => condition.type === STORE_WENT_BACK);
  if (reported?.status === "True" && reported.reason === wentBackReason(generation)) return { kind: "StoreWentBack", detail: reported.message };
  const older = olderThanNoted(ports, volume);
  return older === undefined ? undefined : { kind: "StoreWentBack", detail: older };
}

/** Says so if a volume's record is older than what this node noted before it mounted that very object. */
export function olderThanNoted(ports: Pick<NodePorts, "notes">, volume: AzVolume): string | undefined {
  const note = ports.notes.volumes().find((other) => other.volumeName === volume.metadata.name && other.uid === volume.metadata.uid);
  const epoch = volume.status?.record?.epoch;
  if (note === undefined || epoch === undefined || note.epoch <= epoch) return undefined;
  return `${volume.metadata.name} is at epoch ${epoch}, this node noted ${note.epoch}`;
}
