import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { lunHere } from "./lun-here.ts";

/**
 * Ends this node's reservation of a disk that it is about to release. Not beside a node that is
 * being fenced, or that a rebuilt record finds unverified: the reservation may be all that keeps it from
 * writing, until Azure proves that it is off the disk. A failure keeps nothing waiting: the next writer
 * takes the reservation over.
 */
export async function endReservation(ports: NodePorts, volume: AzVolume, signal: AbortSignal): Promise<void> {
  const { name: volumeName } = volume.metadata;
  const key = checkpointOf(ports, volumeName)?.reservationKey;
  const lun = lunHere(ports.node, ownAttachment(ports, volumeName));
  if (key === undefined || lun === undefined) return;
  if (nodesIn(volume.status?.record, "fencing", "unverified").length > 0) return;
  const ended = await ports.steps.run("end-reservation", async (): Promise<Result<void>> => {
    const device = await ports.host.findDevice({ lun }, signal);
    // Another disk has no registration under this key.
    if (!device.ok) return device.failure.kind === "DeviceNotFound" ? ok(undefined) : device;
    const released = await ports.host.releaseReservation({ device: device.value, key }, signal);
    return !released.ok && released.failure.kind === "Unsupported" ? ok(undefined) : released;
  });
  if (!ended.ok && !signal.aborted)
    ports.logger.warn("reservation not ended", { volumeName, key, failure: ended.failure });
}
