import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { reclaim } from "../../core/writer/record/writer-steps.ts";
import { updateRecord } from "../../objects/update-record.ts";
import { requestWriter } from "../../objects/writer-request.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import type { OwnVolume } from "./own-volume.ts";

/**
 * A live mount with users, whose record was lost: this node continues to write, under an epoch above all
 * that it knows.
 */
export async function reclaimVolume(
  ports: NodePorts,
  target: OwnVolume,
  epochKnown: number,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volume, checkpoint, volumeName } = target;
  if (volume === undefined || checkpoint === undefined) return ok({});
  // The request first: an interrupted reclaim is repeated, and one without a request would look like a
  // leaked one.
  const requested = await requestWriter(
    ports,
    { volume, nodeName: ports.node.nodeName, volumeContext: {}, creates: ports.settings.attach === "driver" },
    signal,
  );
  // A terminating attachment takes no request; but it stays for as long as its node may write, which only
  // a reclaim can show. Where the orchestrator publishes, the controller creates the missing attachment.
  if (
    !requested.ok &&
    requested.failure.kind !== "OperationInProgress" &&
    requested.failure.kind !== "ObjectNotFound"
  )
    return requested;
  const reclaimed = await updateRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "reclaim" },
    (record) => reclaim(record, ports.node, epochKnown),
    signal,
  );
  if (!reclaimed.ok) return reclaimed;
  const epoch = reclaimed.value.status?.record?.epoch ?? epochKnown;
  emitOnVolume(
    ports,
    volumeName,
    "WriterReclaimed",
    `${ports.node.nodeName} continues to write the volume, ` +
      `whose record was lost while a pod used it there (epoch ${epoch})`,
  );
  return checkpointEpoch(ports, volume, checkpoint, epoch, signal);
}

/** Writes the epoch by which this node holds a volume to its checkpoint. */
export function checkpointEpoch(
  ports: NodePorts,
  volume: AzVolume,
  checkpoint: VolumeCheckpoint,
  epoch: number,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { vmId, instanceUri } = ports.node;
  return ports.checkpoints.put(
    { ...checkpoint, uid: volume.metadata.uid, epoch, vm: { vmId, instanceUri } },
    signal,
  );
}
