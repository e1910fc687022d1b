import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { includesNode } from "../../core/api/node-identity.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { reportMissing } from "../../objects/mark-device-missing.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Mounts of a volume that this node never noted: those of the V1 driver, or of a plug-in whose state was
 * wiped. Looked for only while the record says that the node had the disk (*unverified*), since it must
 * then claim what is in use. Answered as the note that would describe them; undefined if nothing is
 * mounted. Fails with `DeviceNotFound` where the disk is attached and no link leads to it.
 */
export async function findUntrackedMounts(
  ports: NodePorts,
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<VolumeCheckpoint | undefined, Failure>> {
  const record = volume.status?.record;
  const lun = attachment.status?.lun;
  if (record === undefined || lun === undefined || !includesNode(record.unverified, ports.node))
    return ok(undefined);
  const device = await ports.host.findDevice({ lun }, signal);
  if (!device.ok) {
    if (device.failure.kind !== "DeviceNotFound") return device;
    if (attachment.status?.state !== "Attached") return ok(undefined);
    // The platform has just said that the disk is here. A machine without the links of its disks must not
    // pass for clean: V1 found them without.
    const reported = await reportMissing(ports, attachment, signal);
    return reported.ok ? device : reported;
  }
  const mounts = await ports.host.mountsOf(device.value.majorMinor, signal);
  if (!mounts.ok) return mounts;
  // An attachment from a backup may lead to the LUN that another volume's disk has by now: what is noted as
  // that volume's is not this one's.
  const checkpointed = new Set(
    ports.checkpoints.volumes().flatMap((other) => [other.stagingPath, ...other.targetPaths]),
  );
  const paths = mounts.value
    .map((mount) => mount.path)
    .filter((path) => !checkpointed.has(path))
    .toSorted();
  const stagingPath = paths.find((path) => path.endsWith("/globalmount")) ?? paths[0];
  if (stagingPath === undefined) return ok(undefined);
  const isBlock = volume.spec.capabilities.every((capability) => capability.accessType === "block");
  return ok({
    volumeName: volume.metadata.name,
    uid: volume.metadata.uid,
    volumeId: attachment.spec.volumeId,
    epoch: 0,
    stagingPath,
    targetPaths: paths.filter((path) => isBlock || path !== stagingPath),
    lun,
    majorMinor: device.value.majorMinor,
    accessType: isBlock ? "block" : "mount",
    vm: { vmId: ports.node.vmId, instanceUri: ports.node.instanceUri },
  });
}
