import type { Failure } from "../core/failure.ts";
import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { WRITER_WAITING } from "../core/plan/plan-conditions.ts";
import { isUnsettled, isWriter, waitsToBeSettled } from "../core/plan/writer-steps.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { gibToBytes } from "../core/units.ts";
import type { Device } from "../ports/host-provisioner.ts";
import { reportMissing } from "../reconcile/report-missing.ts";
import { lunHere } from "./lun-here.ts";
import type { NodePorts } from "./node-ports.ts";

/** Waits until the attachment says Attached. What it waits for is told when the time is over. */
export async function waitForAttachment(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly attachmentName: string; readonly waitMs: number },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  const isAttached = (attachment: AzVolumeAttachment | undefined): boolean => lunHere(ports.node, attachment) !== undefined;
  const waited = await ports.cache.waitFor("AzVolumeAttachment", request.attachmentName, isAttached, { timeoutMs: request.waitMs, clock: ports.clock }, signal);
  if (waited !== undefined) return ok(waited);
  const present = ports.cache.get("AzVolumeAttachment", request.attachmentName);
  const what =
    present === undefined
      ? `its attachment to ${ports.node.nodeName}: there is none, so ControllerPublishVolume has not been called for this node`
      : `its attach to ${ports.node.nodeName}, which is ${present.status?.state ?? "Pending"}${present.status?.error === undefined ? "" : ` (${present.status.error.message})`}`;
  return fail({ kind: "StillWaiting", volumeId: request.volumeId, what });
}

/** Waits until this node is the writer of the volume. */
export async function waitForGrant(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly volumeName: string; readonly waitMs: number },
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const isGranted = (volume: AzVolume | undefined): boolean =>
    volume?.status?.record !== undefined && isWriter(volume.status.record, ports.node) && volume.status.record.writer?.wanted === true;
  const waited = await ports.cache.waitFor("AzVolume", request.volumeName, isGranted, { timeoutMs: request.waitMs, clock: ports.clock }, signal);
  if (waited !== undefined) return ok(waited);
  // Afresh: of a volume that another node has, this node's cache may know nothing.
  const read = await ports.store.get("AzVolume", request.volumeName, signal);
  if (!read.ok) return read;
  if (isGranted(read.value)) return ok(read.value);
  const { status } = read.value;
  const record = status?.record;
  if (record !== undefined && record.unproven.length > 0)
    return fail({ kind: "WriterRecordUnproven", volumeId: request.volumeId, nodes: record.unproven.map((node) => node.nodeName) });
  if (record !== undefined && isUnsettled(record, ports.node))
    return fail({ kind: "StillWaiting", volumeId: request.volumeId, what: waitsToBeSettled(ports.node.nodeName) });
  const writer = record?.writer?.nodeName;
  const waiting = status?.conditions.find((condition) => condition.type === WRITER_WAITING)?.message;
  const what = writer === undefined ? "a controller to grant it to this node" : `${writer}, which is still its writer, to unmount it`;
  return fail({ kind: "StillWaiting", volumeId: request.volumeId, what: waiting === undefined ? what : `${what}: ${waiting}` });
}

/**
 * Finds the device of an attached volume and proves that it is the right one: its LUN is the attachment's and its size the disk's (looked at
 * again after a rescan). No device at all is told to the controller, which reads the VM again.
 */
export async function findRightDevice(
  ports: NodePorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<Device, Failure>> {
  const lun = attachment.status?.lun;
  const detail = volume.status?.detail;
  if (lun === undefined || detail === undefined) return fail({ kind: "StillWaiting", volumeId: attachment.spec.volumeId, what: "its LUN" });
  const twin = twinAt(ports, attachment, lun);
  if (twin !== undefined) return reportTwins(ports, attachment, twin, lun, signal);
  const found = await ports.host.findDevice({ lun }, signal);
  if (!found.ok) {
    if (found.failure.kind !== "DeviceNotFound") return found;
    const reported = await reportMissing(ports, attachment, signal);
    return reported.ok ? found : reported;
  }
  const wantedBytes = gibToBytes(detail.sizeGiB);
  if (found.value.sizeBytes === wantedBytes) return found;
  const rescanned = await ports.host.rescanDevice(found.value, signal);
  if (!rescanned.ok || rescanned.value.sizeBytes === wantedBytes) return rescanned;
  return fail({
    kind: "WrongDevice",
    devicePath: found.value.path,
    problem: `LUN ${lun} has ${rescanned.value.sizeBytes} bytes, disk ${detail.diskUri} has ${wantedBytes} (${detail.sizeGiB} GiB)`,
  });
}

/** Another volume that is said to sit at the same LUN of this VM: one of the two is not there any more, and nothing on a raw device tells which. */
function twinAt(ports: NodePorts, attachment: AzVolumeAttachment, lun: number): AzVolumeAttachment | undefined {
  return ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", ports.node.nodeName)
    .find(
      (other) =>
        other.metadata.name !== attachment.metadata.name &&
        other.status?.state === "Attached" &&
        other.status.deviceMissing !== true &&
        other.status.lun === lun &&
        other.status.vmId === attachment.status?.vmId,
    );
}

async function reportTwins(
  ports: NodePorts,
  attachment: AzVolumeAttachment,
  twin: AzVolumeAttachment,
  lun: number,
  signal: AbortSignal,
): Promise<Result<never, Failure>> {
  for (const one of [attachment, twin]) {
    const reported = await reportMissing(ports, one, signal);
    if (!reported.ok) return reported;
  }
  return fail({
    kind: "StillWaiting",
    volumeId: attachment.spec.volumeId,
    what: `its LUN: ${lun} is also that of ${twin.spec.volumeId}, so both are looked up in Azure`,
  });
}
