import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { isFileSystemType } from "../../core/volume/device/file-system.ts";
import { statedPartition } from "../../core/volume/device/partition.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { checkpointOfDisk } from "../../node/own-state.ts";
import { stageVolume } from "../../node/stage/stage-volume.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type { Device, MountPoint } from "../../ports/host/host-provisioner.ts";
import type { NodeExpandVolumeRequest, NodeExpandVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import { pathObstacle } from "./allowed-path.ts";
import { readStageRequest } from "./read-stage-request.ts";

/**
 * NodeExpandVolume: grows the file system to its disk, once the device shows the disk's new size. A raw
 * device needs only the rescan.
 */
export async function nodeExpandVolume(
  ports: NodePorts,
  request: NodeExpandVolumeRequest,
  call: CallContext,
): Promise<Result<NodeExpandVolumeResponse>> {
  const missing = missingField({ volume_id: request.volumeId, volume_path: request.volumePath });
  if (missing !== undefined) return fail(missing);
  return ports.locks.run(request.volumeId, "NodeExpandVolume", async () => {
    const expanded = await expand(ports, request, call);
    return expanded.ok ? expanded : passingIfKnown(ports, request.volumeId, expanded.failure, call.signal);
  });
}

/**
 * NOT_FOUND only for a volume that this node does not know. The kubelet takes that code for final (its
 * `isInfeasibleError`), and never asks again; a mount that is missing comes back with the next stage, and an
 * AzVolume that was lost with its rebuild.
 */
async function passingIfKnown(
  ports: NodePorts,
  volumeId: string,
  failure: Failure,
  signal: AbortSignal,
): Promise<Result<never>> {
  if (failure.kind !== "VolumeNotFound" && failure.kind !== "PathNotMounted") return fail(failure);
  if (checkpointOfDisk(ports, volumeId) === undefined) {
    const name = attachmentObjectName({ diskUri: volumeId, nodeName: ports.node.nodeName });
    const attachment = await ports.store.get("AzVolumeAttachment", name, signal);
    if (!attachment.ok) return attachment.failure.kind === "ObjectNotFound" ? fail(failure) : attachment;
  }
  const what =
    failure.kind === "PathNotMounted"
      ? `its mount at ${failure.path}`
      : "its AzVolume, which this node has used, to be made again";
  return stillWaiting(volumeId, what);
}

async function expand(
  ports: NodePorts,
  request: NodeExpandVolumeRequest,
  call: CallContext,
): Promise<Result<NodeExpandVolumeResponse>> {
  const { volumeId, volumePath } = request;
  const { signal } = call;
  const volume = await readVolume(ports, volumeId, signal);
  if (!volume.ok) return volume;
  // After the volume was read: CSI's own tests expect NOT_FOUND for an unknown volume, whatever the
  // path.
  const obstacle = pathObstacle("volume_path", volumePath, ports.settings);
  if (obstacle !== undefined) return fail(obstacle);
  const attachmentName = attachmentObjectName({ diskUri: volumeId, nodeName: ports.node.nodeName });
  const before = await ports.store.get("AzVolumeAttachment", attachmentName, signal);
  if (!before.ok && before.failure.kind !== "ObjectNotFound") return before;
  const published = before.ok ? before.value.spec.volumeContext : undefined;
  // Its disk may have grown all the same, by another tool or request; its partition has not.
  if (statedPartition(volume.value.spec.volumeContext, published) !== undefined)
    return fail({ kind: "Unsupported", what: "growing a volume that is a partition of its disk" });
  const mounted = await mountAt(ports, request, volume.value, call);
  if (!mounted.ok) return mounted;
  if (mounted.value === undefined || mounted.value.isPlaceholder)
    return fail({ kind: "PathNotMounted", path: volumePath });
  const device = await grownDevice(ports, { volume: volume.value, volumeId, attachmentName }, signal);
  if (!device.ok) return device;
  const kind = await ports.host.pathKind(volumePath, signal);
  if (!kind.ok) return kind;
  if (kind.value !== "blockDevice") {
    const { fsType } = mounted.value;
    if (!isFileSystemType(fsType))
      return fail({ kind: "Unsupported", what: `growing a ${fsType} file system` });
    // The mount is checked once more; it may end before the command begins.
    const grown = await ports.host.whileHolding(
      device.value,
      () => ports.host.growFileSystem({ device: device.value, mountPath: volumePath, fsType }, signal),
      signal,
    );
    if (!grown.ok) return grown;
  }
  return ok({ capacityBytes: device.value.sizeBytes });
}

/** The volume's device, once it shows the size that the disk has. */
async function grownDevice(
  ports: NodePorts,
  sought: { readonly volume: AzVolume; readonly volumeId: string; readonly attachmentName: string },
  signal: AbortSignal,
): Promise<Result<Device>> {
  const { volume, volumeId, attachmentName } = sought;
  const attachment = await ports.store.get("AzVolumeAttachment", attachmentName, signal);
  if (!attachment.ok) return attachment;
  const { lun, state, deviceMissing } = attachment.value.status ?? {};
  // After a failed attach, its LUN may belong to another disk by now.
  if (lun === undefined || state !== "Attached" || deviceMissing === true)
    return stillWaiting(volumeId, `its attach to ${ports.node.nodeName}`);
  const found = await ports.host.findDevice({ lun }, signal);
  if (!found.ok) return found;
  const device = await ports.host.rescanDevice(found.value, signal);
  if (!device.ok) return device;
  const { path, sizeBytes } = device.value;
  const diskBytes = gibToBytes(volume.status?.detail?.sizeGiB ?? 0);
  return sizeBytes < diskBytes
    ? stillWaiting(volumeId, `${path} to show its new size: it has ${sizeBytes} bytes, the disk ${diskBytes}`)
    : device;
}

/**
 * What is mounted at the volume's path. Kubelet grows a volume that it believes staged before it
 * publishes it, and does not stage it again; but the volume may have been released since. As for
 * NodePublishVolume it is then staged first: if this node is to write it, or if staging is what states
 * the request.
 */
async function mountAt(
  ports: NodePorts,
  request: NodeExpandVolumeRequest,
  volume: AzVolume,
  call: CallContext,
): Promise<Result<MountPoint | undefined>> {
  const { volumePath, stagingTargetPath, volumeCapability } = request;
  const mounted = await ports.host.mountAt(volumePath, call.signal);
  const isToWrite =
    ports.settings.attach === "driver" || isNamed(volume.status?.record, ports.node, "requested");
  if (
    !mounted.ok ||
    mounted.value !== undefined ||
    !isToWrite ||
    volumeCapability === undefined ||
    volumePath !== stagingTargetPath
  )
    return mounted;
  const stage = readStageRequest(
    { ...request, volumeContext: volume.spec.volumeContext },
    ports.settings.platform,
  );
  if (!stage.ok) return stage;
  const obstacle = pathObstacle("staging_target_path", stagingTargetPath, ports.settings);
  if (obstacle !== undefined) return fail(obstacle);
  const staged = await stageVolume(
    ports,
    { ...stage.value, waitMs: waitingTimeMs(ports, call, ports.settings.stageWaitMs) },
    call.signal,
  );
  return staged.ok ? ports.host.mountAt(volumePath, call.signal) : staged;
}
