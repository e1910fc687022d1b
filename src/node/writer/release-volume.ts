import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { release } from "../../core/writer/record/writer-steps.ts";
import { compareLease } from "../../objects/store-incarnation.ts";
import { isNoLongerDue, updateRecord } from "../../objects/update-record.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { holderIn } from "./check-held.ts";
import { endReservation } from "./end-reservation.ts";
import { verifyClean } from "./verify-clean.ts";

/**
 * *release*: returns the volume once nothing here can write to it any more. An unmount alone does not
 * show that: a check or mount command of this or an earlier plug-in may still run, and a process may have
 * the raw device open. Success, too, if the record no longer says that this node holds it. `isFlushed` as for
 * `verifyClean`. `needsDevice`: default true; a lost checkpoint must not make a node look clean that had the
 * disk. Fails with `DeviceBusy` while the node is not clean, and with `StillWaiting` while no device to check
 * is known.
 */
export async function releaseVolume(
  ports: NodePorts,
  {
    volumeName,
    isFlushed,
    needsDevice = true,
  }: { readonly volumeName: string; readonly isFlushed: boolean; readonly needsDevice?: boolean },
  signal: AbortSignal,
): Promise<Result<void>> {
  const read = await ports.store.get("AzVolume", volumeName, signal);
  if (!read.ok) return read.failure.kind === "ObjectNotFound" ? ok(undefined) : read;
  const writer = holderIn(ports, read.value);
  if (writer === undefined) return ok(undefined);
  // By this the node notices a store that is restored to before the release, also after its plug-in has
  // restarted, unless no controller has renewed the Lease since the backup.
  const compared = await compareLease(ports, signal);
  if (!compared.ok) return compared;
  const clean = await verifyCleanOf(ports, read.value, { needsDevice, isFlushed }, signal);
  if (!clean.ok) return clean;
  await endReservation(ports, read.value, signal);
  const released = await updateRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "release", volumeRead: read.value },
    (present) => release(present, ports.node, writer.epoch),
    signal,
  );
  if (!released.ok) return isNoLongerDue(released.failure) ? ok(undefined) : released;
  ports.released.add(read.value.metadata.uid, writer.epoch);
  ports.logger.info("volume released", { volumeName, epoch: writer.epoch });
  return ok(undefined);
}

function verifyCleanOf(
  ports: NodePorts,
  volume: AzVolume,
  check: Parameters<typeof verifyClean>[2],
  signal: AbortSignal,
): Promise<Result<void>> {
  const volumeName = volume.metadata.name;
  const checkpoint = checkpointOf(ports, volumeName);
  const attachment = ownAttachment(ports, volumeName);
  const volumeId = volume.status?.detail?.diskUri ?? volumeName;
  const known = { volume, attachment, checkpoint, volumeId };
  return verifyClean(ports, known, check, signal);
}
