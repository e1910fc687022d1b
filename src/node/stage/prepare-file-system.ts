import type { AzVolume } from "../../core/api/az-volume.ts";
import { mountProblemMessage } from "../../core/events/mount-problem-message.ts";
import { notWriter, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  type FileSystemPlan,
  HANDED_OUT_RAW,
  needsLookForType,
  planFileSystem,
} from "../../core/node/file-system/plan-file-system.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { bytesToGibRoundedUp } from "../../core/primitives/units.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import type { FileSystemGeometry } from "../../core/volume/device/file-system-geometry.ts";
import type { FileSystemType } from "../../core/volume/device/file-system.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { CheckRemark, Device } from "../../ports/host/host-provisioner.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";

/** The file system that a volume is to be mounted with. */
export interface FileSystemRequest {
  readonly fsType: FileSystemType;
  /** The access mode allows no node to write. A read-only target alone says nothing about the others. */
  readonly readOnly: boolean;
}

/** One volume on the device that was chosen for it, of which this node is the writer. */
interface Prepared extends FileSystemRequest {
  readonly volume: AzVolume;
  readonly device: Device;
  /** The partition that the device is; undefined: it is the whole disk. */
  readonly partition: number | undefined;
  /** What the volume's attributes state of a new file system. */
  readonly geometry: FileSystemGeometry;
  /** Fails where the platform does not confirm that this device is the volume's disk. */
  readonly confirmInAzure: () => Promise<Result<void>>;
  /**
   * Requests another read of the disk's LUN from Azure, and fails where that does not lead to this
   * device.
   */
  readonly verifyLunInAzure: () => Promise<Result<void>>;
}

/** The same, whose disk exists in Azure. */
interface Identified extends Prepared {
  readonly diskUri: string;
}

/**
 * Checks the existing file system, or makes one on a disk that never had any. Anything else is left as it
 * is. Safe to repeat after any interruption: the mark of a first format is on the disk before mkfs
 * begins, and erased before anything is mounted.
 */
export async function prepareFileSystem(
  ports: NodePorts,
  prepared: Prepared,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volume, device, partition, fsType, geometry, readOnly } = prepared;
  const { host } = ports;
  const detail = volume.status?.detail;
  if (detail === undefined) return stillWaiting(volume.metadata.name, "its disk to be created");
  const content = await host.inspectDevice(device, signal);
  if (!content.ok) return content;
  const { diskUri, formatted } = detail;
  const ofType = needsLookForType({ content: content.value, formatted, fsType })
    ? await host.inspectFileSystem({ device, fsType }, signal)
    : ok(undefined);
  if (!ofType.ok) return ofType;
  const mark = formatted === undefined ? await host.readFormatMark(device, signal) : ok(undefined);
  if (!mark.ok) return mark;
  const plan = planFileSystem({
    devicePath: device.path,
    content: content.value,
    contentOfType: ofType.value,
    mark: mark.value,
    diskUri,
    sourceUri: volume.spec.disk.sourceUri,
    partition,
    isRawOnly: isRawOnly(volume),
    formatted,
    fsType,
    geometry,
    sizeGiB: bytesToGibRoundedUp(device.sizeBytes),
    readOnly,
  });
  const identified = { ...prepared, diskUri };
  switch (plan.kind) {
    case "Refuse":
      return fail(plan.failure);
    case "Check":
      return checkFound(ports, identified, plan, signal);
    case "Make": {
      // A blank disk may be another volume's, whose data lies where nothing has looked.
      const confirmed = await prepared.confirmInAzure();
      if (!confirmed.ok) return confirmed;
      const held = await checkHolder(ports, volume, signal);
      if (!held.ok) return held;
      const uuid = plan.uuid ?? ports.random.uuid();
      const marked = await host.writeFormatMark({ device, fsType, mark: { diskUri, uuid } }, signal);
      return marked.ok ? make(ports, identified, uuid, signal) : marked;
    }
    case "MakeAgain":
      return makeAgain(ports, identified, plan.uuid, signal);
  }
}

async function checkFound(
  ports: NodePorts,
  prepared: Identified,
  plan: Extract<FileSystemPlan, { kind: "Check" }>,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { host } = ports;
  const { device, fsType, readOnly } = prepared;
  // With the LUN of an earlier attachment it could be another volume's, and the check writes.
  const same = plan.isUnknown ? await prepared.verifyLunInAzure() : ok(undefined);
  if (!same.ok) return same;
  const checked = await host.checkFileSystem({ device, fsType }, signal);
  if (!checked.ok)
    return plan.isOwnUnfinished && checked.failure.kind === "FileSystemBroken"
      ? makeAgain(ports, prepared, plan.uuid, signal)
      : checked;
  const remark = checked.value ?? undefined;
  if (remark !== undefined) reportRemark(ports, prepared, plan, remark);
  const isUnchecked = remark?.kind === "unchecked";
  // A program that can't check it can't grow it either.
  const grown =
    readOnly || isUnchecked ? ok(undefined) : await host.growBeforeMount({ device, fsType }, signal);
  if (!grown.ok) return grown;
  if (grown.value !== undefined) reportRemark(ports, prepared, plan, grown.value);
  return recordFormatted(ports, prepared, plan.uuid, signal);
}

/** No pod has ever written to one of the driver's own that is unfinished: its repair loses nothing. */
function reportRemark(
  ports: NodePorts,
  { volume, device }: Identified,
  { isOwnUnfinished }: Extract<FileSystemPlan, { kind: "Check" }>,
  { kind, detail }: CheckRemark,
): void {
  const { logger, node } = ports;
  const { name } = volume.metadata;
  const fields = { volumeName: name, devicePath: device.path, reason: detail };
  if (kind === "unchecked") {
    logger.warn("file system mounted unchecked", fields);
    return;
  }
  logger.warn("file system repaired", fields);
  if (isOwnUnfinished) return;
  const problem = { reason: "FileSystemRepaired", detail } as const;
  emitOnVolume(ports, name, problem.reason, mountProblemMessage(node.nodeName, problem));
  ports.looks.repaired(name, detail, ports.clock.nowMs());
}

async function makeAgain(
  ports: NodePorts,
  prepared: Identified,
  uuid: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volume, device, fsType } = prepared;
  const held = await checkHolder(ports, volume, signal);
  if (!held.ok) return held;
  ports.logger.warn("first format was interrupted: the file system is made again", {
    volumeName: volume.metadata.name,
    devicePath: device.path,
  });
  const erased = await ports.host.eraseUnfinishedFormat({ device, fsType }, signal);
  return erased.ok ? make(ports, prepared, uuid, signal) : erased;
}

async function make(
  ports: NodePorts,
  prepared: Identified,
  uuid: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { device, fsType, geometry } = prepared;
  const made = await ports.steps.run("format", () =>
    ports.host.format({ device, fsType, uuid, geometry }, signal),
  );
  return made.ok ? recordFormatted(ports, prepared, uuid, signal) : made;
}

/**
 * Erases the mark, and then records that the volume has its file system, and which: from here on no node
 * makes another one on it, whatever the device looks like, and a device with another file system is
 * refused. An unrecorded UUID (of a static volume, or an earlier version) is recorded when it is first
 * seen.
 */
async function recordFormatted(
  ports: NodePorts,
  { volume, device, diskUri, fsType }: Identified,
  uuid: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const known = volume.status?.detail?.formatted;
  if (known !== undefined && (known.uuid !== undefined || uuid === "")) return ok(undefined);
  // In this order: with a mark that outlived the first mount, a pod's data would be taken for an
  // unfinished format once the record is lost.
  const erased = await ports.host.eraseFormatMark({ device, diskUri }, signal);
  if (!erased.ok) return erased;
  return recordFirstUse(ports, volume, { fsType, ...(uuid === "" ? {} : { uuid }) }, signal);
}

/**
 * Records that pods may have written anywhere on a volume that has no file system yet, although it is to have
 * one: from here on none is made. Before it is handed out.
 */
export async function recordHandedOutRaw(
  ports: NodePorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { capabilities } = volume.spec;
  // No node formats a volume that has no single writer.
  const mayBeFormatted =
    volume.status?.detail?.formatted === undefined && isSingleWriter(capabilities) && !isRawOnly(volume);
  return mayBeFormatted ? recordFirstUse(ports, volume, { fsType: HANDED_OUT_RAW }, signal) : ok(undefined);
}

function isRawOnly({ spec }: AzVolume): boolean {
  return spec.capabilities.every(({ accessType }) => accessType === "block");
}

/** What is recorded already stays, but for a missing UUID. */
async function recordFirstUse(
  ports: NodePorts,
  volume: AzVolume,
  { fsType, ...identity }: { readonly fsType: string; readonly uuid?: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const first = { fsType, nodeName: ports.node.nodeName, time: toTimestamp(ports.clock.nowMs()) };
  let isHeld = true;
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name: volume.metadata.name },
    (present) => {
      const detail = present.status?.detail;
      isHeld = isHolder(ports, present);
      if (present.status === undefined || detail === undefined || !isHeld) return undefined;
      return {
        ...present,
        status: {
          ...present.status,
          detail: { ...detail, formatted: { ...(detail.formatted ?? first), ...identity } },
        },
      };
    },
    signal,
  );
  if (!recorded.ok) return recorded;
  return isHeld ? ok(undefined) : noHolder(ports, volume);
}

/** Before the first write to the disk. */
async function checkHolder(ports: NodePorts, volume: AzVolume, signal: AbortSignal): Promise<Result<void>> {
  const read = await ports.store.get("AzVolume", volume.metadata.name, signal);
  if (!read.ok) return read;
  return isHolder(ports, read.value) ? ok(undefined) : noHolder(ports, volume);
}

/**
 * False where the record no longer says that this node holds the volume: it was lost and rebuilt since
 * the acquire, and knows nothing of what was begun before. The chart's admission policy then refuses a
 * write of the detail.
 */
function isHolder({ node }: NodePorts, { status }: AzVolume): boolean {
  return isNamed(status?.record, node, "holder");
}

function noHolder({ node }: NodePorts, { metadata: { name } }: AzVolume): Result<never> {
  return notWriter(name, node.nodeName, "the record no longer says that it holds the volume");
}
