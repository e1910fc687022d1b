import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { grantKeyOf } from "../../core/writer/reservation/reservation-key.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { reserveDisk } from "../stage/reserve-disk.ts";
import { lunHere } from "../writer/lun-here.ts";
import type { OwnVolume } from "./own-volume.ts";

/** What a disk answers that has no reservations, or that other software, such as the pod, has reserved. */
const CANNOT_BE_OURS: readonly Failure["kind"][] = ["Unsupported", "DeviceBusy"];

/**
 * Replaces the key under which this machine has reserved the disk of a volume that it has reclaimed: others
 * know only that of the present grant. Only the disk knows the earlier one where the checkpoint was lost. It
 * takes the disk from no other machine, which may be that of a later writer, and reserves none that is free.
 * The checkpoint comes last: until then a repetition is due.
 */
export async function reserveAgain(
  ports: NodePorts,
  { volumeName, volume, attachment, checkpoint }: OwnVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const lun = lunHere(ports.node, attachment);
  const key = volume === undefined ? undefined : grantKeyOf(volume);
  if (volume === undefined || lun === undefined || key === undefined) return ok(undefined);
  // An attachment of a backup may name the LUN of another volume's disk, which this machine has reserved.
  if (lun !== checkpoint?.lun) return ok(undefined);
  const disk = await ports.host.findDevice({ lun }, signal);
  if (!disk.ok) return disk;
  const seen = await ports.host.readHolder(disk.value, signal);
  if (!seen.ok && !CANNOT_BE_OURS.includes(seen.failure.kind)) return seen;
  const holder = seen.ok ? seen.value : undefined;
  if (holder?.isThisMachine === false) return ok(undefined);
  // To preempt its own key, as beside a fenced node, might abort writes of its pod.
  if (holder !== undefined && holder.key !== key) {
    const planned = { key, earlier: holder.key };
    const reserved = await reserveDisk(ports, { volume, disk: disk.value }, planned, signal);
    if (!reserved.ok) return reserved;
  }
  const present = checkpointOf(ports, volumeName);
  return present === undefined
    ? ok(undefined)
    : ports.steps.run("checkpoint", () => ports.checkpoints.put({ ...present, reservationKey: key }, signal));
}
