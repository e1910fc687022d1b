import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { isSameVmId } from "../../core/api/identity/node-identity.ts";
import { isAttached } from "../../core/attachment/attachment-state.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { gibToBytes, isShownAsGib } from "../../core/primitives/units.ts";
import { possibleSizes } from "../../core/volume/device/shown-size.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import { waitForAttachment } from "./wait-for-grant-and-attach.ts";

/** A volume, its device here, and the attachment whose LUN led to that. */
export interface FoundVolume {
  readonly volume: AzVolume;
  /** The disk, or the partition of it that the volume is. */
  readonly device: Device;
  readonly disk: Device;
  readonly lun: number;
  readonly attachment: AzVolumeAttachment;
}

/** The result of one look for a device. `missing`: it may still appear. */
type Look =
  | { readonly kind: "right"; readonly device: Device; readonly lun: number }
  | { readonly kind: "missing" | "refused"; readonly failure: Failure };

/**
 * Finds the device of an attached volume and verifies it: no other volume is recorded at the attachment's
 * LUN, link and kernel agree on the device there, and its size is one that the disk may have (checked again
 * after a rescan). A missing device is reported to the controller, which reads the VM and the disk again and
 * may correct the LUN or the size. It is then awaited for up to `waitMs` in all, by the attachment's present
 * LUN. One of another size is reported as well, and awaited by the next call. Fails with the last finding.
 */
export async function findRightDevice(
  ports: NodePorts,
  request: {
    readonly volume: AzVolume;
    /** The partition that the volume is; undefined: it is the whole disk. */
    readonly partition: number | undefined;
    readonly attachment: AzVolumeAttachment;
    readonly waitMs: number;
  },
  signal: AbortSignal,
): Promise<Result<FoundVolume>> {
  const { volume, partition } = request;
  const beganAtMs = ports.clock.elapsedMs();
  const waitedMs = (): number => ports.clock.elapsedMs() - beganAtMs;
  let { attachment } = request;
  for (let looks = 1; ; looks += 1) {
    const look = await lookOnce(ports, volume, attachment, signal);
    if (look.kind === "right") {
      const { device: disk, lun } = look;
      if (partition === undefined) return ok({ volume, device: disk, disk, lun, attachment });
      const device = await ports.host.findPartition({ disk, partition }, signal);
      return device.ok ? ok({ volume, device: device.value, disk, lun, attachment }) : device;
    }
    if (looks === 1 && isMissing(look.failure)) {
      const reported = await markDeviceMissing(ports, attachment, signal);
      if (!reported.ok) return reported;
    }
    if (look.kind === "refused") return fail(look.failure);
    const leftMs = request.waitMs - waitedMs();
    if (leftMs <= 0) return fail(withWait(look.failure, waitedMs()));
    const { metadata, spec } = attachment;
    const again = await waitForAttachment(
      ports,
      { volumeId: spec.volumeId, attachmentName: metadata.name, waitMs: leftMs },
      signal,
    );
    // The finding at the LUN is more specific than the pending look-up.
    if (!again.ok)
      return again.failure.kind === "StillWaiting" ? fail(withWait(look.failure, waitedMs())) : again;
    attachment = again.value;
  }
}

/** A single look reports its own duration, not the time that the device was awaited. */
function withWait(failure: Failure, waitedMs: number): Failure {
  return failure.kind === "DeviceNotFound" ? { ...failure, waitedMs } : failure;
}

async function lookOnce(
  ports: NodePorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Look> {
  const lun = attachment.status?.lun;
  const detail = volume.status?.detail;
  if (lun === undefined || detail === undefined)
    return {
      kind: "refused",
      failure: { kind: "StillWaiting", volumeId: attachment.spec.volumeId, what: "its LUN" },
    };
  const twin = twinAt(ports, attachment, lun);
  if (twin !== undefined)
    return { kind: "refused", failure: await reportTwins(ports, attachment, twin, lun, signal) };
  const found = await ports.host.findDevice({ lun }, signal);
  if (!found.ok) return { kind: isMissing(found.failure) ? "missing" : "refused", failure: found.failure };
  if (isOf(found.value, detail)) return { kind: "right", device: found.value, lun };
  const rescanned = await ports.host.rescanDevice(found.value, signal);
  if (!rescanned.ok) return { kind: "refused", failure: rescanned.failure };
  if (isOf(rescanned.value, detail)) return { kind: "right", device: rescanned.value, lun };
  const sizes = possibleSizes(detail).map((sizeGiB) => `${gibToBytes(sizeGiB)} (${sizeGiB} GiB)`);
  const problem =
    `LUN ${lun} has ${rescanned.value.sizeBytes} bytes, ` +
    `disk ${detail.diskUri} has ${sizes.join(", or unconfirmed ")}`;
  return { kind: "refused", failure: { kind: "WrongDevice", devicePath: found.value.path, problem } };
}

/** Whether a device has a size that the volume's disk may have. */
function isOf({ sizeBytes }: Device, detail: VolumeDetail): boolean {
  return possibleSizes(detail).some((sizeGiB) => isShownAsGib(sizeBytes, sizeGiB));
}

/** Whether a host reports that a LUN has no device, or none that its witnesses agree on. */
export function isMissing(failure: Failure): boolean {
  return failure.kind === "DeviceNotFound" || failure.kind === "WrongDevice";
}

/**
 * Another volume that is recorded at the same LUN of this VM: one of the two is no longer there, and
 * nothing on a raw device shows which.
 */
function twinAt(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  lun: number,
): AzVolumeAttachment | undefined {
  return ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", ports.node.nodeName)
    .find(
      (other) =>
        other.metadata.name !== attachment.metadata.name &&
        isAttached(other) &&
        other.status?.lun === lun &&
        isSameVmId(other.status.vmId ?? "", attachment.status?.vmId ?? ""),
    );
}

async function reportTwins(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  twin: AzVolumeAttachment,
  lun: number,
  signal: AbortSignal,
): Promise<Failure> {
  for (const one of [attachment, twin]) {
    const reported = await markDeviceMissing(ports, one, signal);
    if (!reported.ok) return reported.failure;
  }
  return {
    kind: "StillWaiting",
    volumeId: attachment.spec.volumeId,
    what: `its LUN: ${lun} is also that of ${twin.spec.volumeId}, so both are looked up in Azure`,
  };
}
