import type { AzVolume, Writer } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { renew } from "../../core/writer/record/writer-steps.ts";
import { updateRecord } from "../../objects/update-record.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Checks by an uncached read that this node holds the volume and is not being fenced, and renews the
 * request if a release check had withdrawn it: after this no fence can begin that has not seen the
 * new user. Returns the writer, or undefined where this node does not hold it.
 */
export async function checkHeld(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<Writer | undefined>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read;
  const writer = unfencedHolderIn(ports, read.value);
  if (writer === undefined) return ok(undefined);
  if (writer.requested) return ok(writer);
  const requested = await updateRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "request", volumeRead: read.value },
    (present) => renew(present, ports.node),
    signal,
  );
  if (requested.ok) return ok(requested.value.status?.record?.writer);
  if (requested.failure.kind !== "NotWriter") return requested;
  // Another request of this node may have been faster, or a fence: the uncached record shows which.
  const again = await ports.store.get("AzVolume", volumeName, signal);
  if (!again.ok) return again;
  const still = unfencedHolderIn(ports, again.value);
  return ok(still?.requested === true ? still : undefined);
}

/** The holder, unless it is being fenced. */
export function unfencedHolderIn(ports: NodePorts, volume: AzVolume): Writer | undefined {
  return isNamed(volume.status?.record, ports.node, "fencing") ? undefined : holderIn(ports, volume);
}

/** The record's writer, where that is this node and holds the volume. */
export function holderIn({ node }: NodePorts, { status }: AzVolume): Writer | undefined {
  return isNamed(status?.record, node, "holder") ? status?.record?.writer : undefined;
}
