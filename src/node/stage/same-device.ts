import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { isRequestedPrimary } from "../../core/attachment/attachment-state.ts";
import { isTerminating } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stillWaiting, wrongDevice } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { ATTACHMENTS_UNMARKED, isUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { partitionOf } from "../../core/volume/device/partition.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import type { NodePorts } from "../node-ports.ts";
import { lunHere } from "../writer/lun-here.ts";
import { readTrustedIncarnation } from "../writer/rollback-detector.ts";
import { confirmDisk } from "./confirm-disk.ts";
import { findRightDevice, type FoundVolume } from "./find-device.ts";
import type { StageRequest } from "./stage-request.ts";
import { waitForAttachment } from "./wait-for-grant-and-attach.ts";

/**
 * How long the controller may take to read the VM again, in milliseconds; then the volume is released,
 * and the next call retries.
 */
const LUN_LOOK_UP_MAX_MS = 20_000;

/**
 * Runs `act` while this process holds the device that was found, and only if the volume's LUN still leads to
 * it. So a command of `act` that is paused until another disk comes to its place finds that disk under
 * another name (docs/adr/0021). Where the disk is not the volume's, its LUN is looked up in Azure.
 */
export async function whileSame<T>(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  act: () => Promise<Result<T>>,
  signal: AbortSignal,
): Promise<Result<T>> {
  const acted = await ports.host.whileHolding(
    found.device,
    async () => {
      const find = async (): Promise<Result<unknown>> => {
        const same = await findSameDevice(ports, request, found, signal);
        // Nothing on a raw disk shows which volume it is.
        return same.ok && request.accessType === "block"
          ? confirmInAzure(ports, request, found, signal)
          : same;
      };
      const same = isSingleWriter(found.volume.spec.capabilities)
        ? await find()
        : await betweenRebuilds(ports, request.volumeId, found.volume, find, signal);
      return same.ok ? act() : same;
    },
    signal,
  );
  if (!acted.ok) await reportWrongDevice(ports, found.attachment, acted.failure, signal);
  return acted;
}

/**
 * Where several nodes may write, nothing is acquired, and only the attachment says which disk it is. In a
 * restored backup its LUN may be that of another volume's disk by now, or a detach may be under way. So
 * `read` runs between two comparisons of the store's counters, in one store incarnation, and only once the
 * rebuild before that has marked all of the volume's attachments.
 */
async function betweenRebuilds(
  ports: NodePorts,
  volumeId: string,
  { metadata }: AzVolume,
  read: () => Promise<Result<unknown>>,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const before = await readTrustedIncarnation(ports, signal);
  if (!before.ok) return before;
  const fresh = await ports.store.get("AzVolume", metadata.name, signal);
  if (!fresh.ok) return fresh;
  if (isUnmarked(fresh.value))
    return stillWaiting(
      volumeId,
      "a controller to mark each attachment of the volume after a rollback of the object store: the " +
        `condition ${ATTACHMENTS_UNMARKED} of its AzVolume says what hinders it`,
    );
  const done = await read();
  if (!done.ok) return done;
  const after = await readTrustedIncarnation(ports, signal);
  if (!after.ok) return after;
  return after.value === before.value
    ? done
    : stillWaiting(volumeId, "its attachment to be read again, after a rollback of the object store");
}

/**
 * The device was chosen earlier, and this process may have been paused since, long enough for the disk to go
 * and another to get its name. So it is found once more, by the attachment's present LUN: the disk of an
 * acquired volume can't be detached, but by other clients.
 */
async function findSameDevice(
  ports: NodePorts,
  { volumeContext }: StageRequest,
  { volume, attachment, lun: attachedLun, device }: FoundVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const fresh = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!fresh.ok) return fresh;
  if (!isSingleWriter(volume.spec.capabilities) && !isToBeStaged(fresh.value))
    return stillWaiting(
      attachment.spec.volumeId,
      `the volume to be requested for ${ports.node.nodeName} again: it has been unpublished there`,
    );
  const lun = lunHere(ports.node, fresh.value);
  if (lun !== attachedLun) {
    const place = lun === undefined ? "nowhere" : `at LUN ${lun}`;
    return wrongDevice(
      device.path,
      `by its attachment the disk was at LUN ${attachedLun}, and is ${place} now`,
    );
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
    : wrongDevice(
        device.path,
        `LUN ${lun} was ${device.majorMinor}, and is ${again.value.device.majorMinor} now`,
      );
}

/**
 * Whether a volume that several nodes may write is still requested here. A controller that withdraws the
 * request after this read leaves the mark that it may be staged, and this node takes that back only with the
 * lock of this call.
 */
function isToBeStaged(attachment: AzVolumeAttachment): boolean {
  return isRequestedPrimary(attachment) && !isTerminating(attachment);
}

/** Confirms the disk that is held, where nothing on it shows that it is the volume's. */
export function confirmInAzure(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const lookUp = (): Promise<Result<void>> => verifyLunInAzure(ports, request, found, signal);
  return confirmDisk(ports, found, lookUp, signal);
}

/** Requests another read of the disk's LUN from Azure, and finds the device by that. */
export async function verifyLunInAzure(
  ports: NodePorts,
  request: StageRequest,
  found: FoundVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { metadata, spec } = found.attachment;
  const reported = await markDeviceMissing(ports, found.attachment, signal);
  if (!reported.ok) return reported;
  const again = await waitForAttachment(
    ports,
    { volumeId: spec.volumeId, attachmentName: metadata.name, waitMs: LUN_LOOK_UP_MAX_MS },
    signal,
  );
  return again.ok ? findSameDevice(ports, request, found, signal) : again;
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
