import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isFileSystemType } from "../../core/volume/device/file-system.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";
import { listedLun } from "../writer/lun-here.ts";

/**
 * Finds mounts of a volume without a checkpoint on this node: those of the V1 driver, or of a plug-in
 * whose state was wiped. Runs only while the record says that the node had the disk (*unverified*), since
 * it must then reclaim what is in use, or while a volume without a record is marked as staged here. Returns
 * the checkpoint that would describe them; undefined if nothing is mounted. Fails with `DeviceNotFound` where
 * the disk is attached and no link leads to it.
 */
export async function findUntrackedMounts(
  ports: NodePorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<VolumeCheckpoint | undefined>> {
  const record = volume.status?.record;
  const lun = listedLun(ports.node, record, attachment, ports.clock.nowMs()) ?? attachment.status?.lun;
  const isUnverified = isNamed(record, ports.node, "unverified");
  if (lun === undefined || !(isUnverified || attachment.spec.staged === true)) return ok(undefined);
  const device = await ports.host.findDevice({ lun }, signal);
  if (!device.ok) {
    if (device.failure.kind !== "DeviceNotFound") return device;
    // What this machine does not see it has not staged: the mark goes, and the disk may be attached again.
    if (!isUnverified || attachment.status?.state !== "Attached") return ok(undefined);
    // According to Azure the disk is here. A machine without device links must not count as clean:
    // V1 found its disks without them.
    const reported = await markDeviceMissing(ports, attachment, signal);
    return reported.ok ? device : reported;
  }
  const mounts = await ports.host.mountsOf(device.value.majorMinor, signal);
  if (!mounts.ok) return mounts;
  // An attachment from a backup may name the LUN that another volume's disk has by now: what that
  // volume's checkpoint lists is not this volume's.
  const checkpointed = new Set(
    ports.checkpoints.volumes().flatMap((other) => [other.stagingPath, ...other.targetPaths]),
  );
  const found = mounts.value.filter(({ path }) => !checkpointed.has(path));
  const paths = found.map(({ path }) => path).toSorted();
  const stagingPath = paths.find((path) => path.endsWith("/globalmount")) ?? paths[0];
  if (stagingPath === undefined) return ok(undefined);
  // A pod may have it raw by another PersistentVolume of its disk, and mount what it has made on a raw one.
  const isBlock =
    volume.spec.capabilities.every((capability) => capability.accessType === "block") ||
    !found.some(({ fsType }) => isFileSystemType(fsType));
  return ok({
    volumeName: volume.metadata.name,
    uid: volume.metadata.uid,
    volumeId: attachment.spec.volumeId,
    epoch: 0,
    stagingPath,
    targetPaths: paths.filter((path) => isBlock || path !== stagingPath),
    lun,
    // Of V1 it may be the mount of a partition.
    majorMinor: mounts.value.find(({ path }) => path === stagingPath)?.majorMinor ?? device.value.majorMinor,
    accessType: isBlock ? "block" : "mount",
    vm: { vmId: ports.node.vmId, instanceUri: ports.node.instanceUri },
  });
}
