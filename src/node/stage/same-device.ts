import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import type { NodePorts } from "../node-ports.ts";
import { lunHere } from "../writer/lun-here.ts";
import { readTrustedIncarnation } from "../writer/rollback-detector.ts";
import { findRightDevice, type AttachedDevice } from "./find-device.ts";
import type { StageRequest } from "./stage-request.ts";
import { waitForAttachment } from "./wait-for-grant-and-attach.ts";

/**
 * How long the controller may take to read the VM again, in milliseconds; then the volume is released,
 * and the next call retries.
 */
const LOOK_AGAIN_MAX_MS = 20_000;

/**
 * Runs `act` while this process holds the device that was found, and only if the volume's LUN still leads to
 * it. So a command of `act` that is paused until another disk comes to its place finds that disk under
 * another name (docs/adr/0021). Where the disk is not the volume's, its LUN is looked up in Azure.
 */
export async function whileSame<T>(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  act: () => Promise<Result<T, Failure>>,
  signal: AbortSignal,
): Promise<Result<T, Failure>> {
  const acted = await ports.host.whileHolding(
    found.device,
    async () => {
      const same = await findSameDevice(ports, request, volume, found, signal);
      if (!same.ok) return same;
      const trusted = await checkAttachment(ports, volume, signal);
      return trusted.ok ? act() : trusted;
    },
    signal,
  );
  if (!acted.ok) await reportWrongDevice(ports, found.attachment, acted.failure, signal);
  return acted;
}

/**
 * Where several nodes may write, nothing is acquired, and only the attachment says which disk it is. So after
 * its last read the store's counters are compared: in a restored backup its LUN may be that of another
 * volume's disk by now, or a detach may be under way.
 */
async function checkAttachment(
  ports: NodePorts,
  { spec }: AzVolume,
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  return isSingleWriter(spec.capabilities) ? ok(undefined) : readTrustedIncarnation(ports, signal);
}

/**
 * The device was chosen earlier, and this process may have been paused since, long enough for the disk to go
 * and another to get its name. So it is found once more, by the attachment's present LUN: the disk of an
 * acquired volume can't be detached, but by other clients.
 */
async function findSameDevice(
  ports: NodePorts,
  { volumeContext }: StageRequest,
  volume: AzVolume,
  { attachment, lun: attachedLun, device }: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const fresh = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!fresh.ok) return fresh;
  const lun = lunHere(ports.node, fresh.value);
  if (lun !== attachedLun) {
    const place = lun === undefined ? "nowhere" : `at LUN ${lun}`;
    return fail({
      kind: "WrongDevice",
      devicePath: device.path,
      problem: `by its attachment the disk was at LUN ${attachedLun}, and is ${place} now`,
    });
  }
  // A single look suffices for what was just there.
  const partition = partitionOf(volumeContext);
  const again = await findRightDevice(
    ports,
    { volume, partition, attachment: fresh.value, waitMs: 0 },
    signal,
  );
  if (!again.ok) return again;
  return again.value.device.majorMinor === device.majorMinor
    ? ok(undefined)
    : fail({
        kind: "WrongDevice",
        devicePath: device.path,
        problem: `LUN ${lun} was ${device.majorMinor}, and is ${again.value.device.majorMinor} now`,
      });
}

/** Requests another read of the disk's LUN from Azure, and finds the device by that. */
export async function lookAgain(
  ports: NodePorts,
  request: StageRequest,
  volume: AzVolume,
  found: AttachedDevice,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { metadata, spec } = found.attachment;
  const reported = await markDeviceMissing(ports, found.attachment, signal);
  if (!reported.ok) return reported;
  const again = await waitForAttachment(
    ports,
    { volumeId: spec.volumeId, attachmentName: metadata.name, waitMs: LOOK_AGAIN_MAX_MS },
    signal,
  );
  return again.ok ? findSameDevice(ports, request, volume, found, signal) : again;
}

/** Where the disk was not the volume's, its LUN is looked up in Azure. */
export async function reportWrongDevice(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  failure: Failure,
  signal: AbortSignal,
): Promise<void> {
  if (failure.kind !== "WrongDevice") return;
  const reported = await markDeviceMissing(ports, attachment, signal);
  if (!reported.ok)
    ports.logger.warn("wrong device not reported", {
      volumeName: attachment.spec.volumeName,
      failure: reported.failure,
    });
}
