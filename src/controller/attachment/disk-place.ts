import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import { isSameVmId, type NodeIdentity } from "../../core/api/identity/node-identity.ts";

/** Where a disk is: a VM, and its LUN there. */
export interface DiskPlace {
  readonly node: Pick<NodeIdentity, "vmId" | "instanceUri">;
  readonly lun: number;
}

/**
 * Without what the status says of one VM: which it is, what the disk's place is there, and the role reached
 * there. What is attached later is not promoted, and what its node then states of an earlier grant is not
 * believed.
 */
export function withoutPlace({
  vmId: _vmId,
  instanceUri: _instanceUri,
  lun: _lun,
  listed: _listed,
  deviceMissing: _deviceMissing,
  provenOff: _provenOff,
  role: _role,
  ...status
}: AttachmentStatus): AttachmentStatus {
  return status;
}

/**
 * The status after a look at the disk, which was found at `place`, or nowhere: what an attempt and its error
 * said before is over. The role stays with the place on the same VM.
 */
export function foundAt(
  present: AttachmentStatus | undefined,
  place: DiskPlace | undefined,
): AttachmentStatus {
  const { attempt: _, error: __, ...status } = withoutPlace(present ?? { state: "Pending" });
  if (place === undefined) return { ...status, state: "Pending" };
  const { vmId, instanceUri } = place.node;
  const role = isSameVmId(present?.vmId, vmId) ? present?.role : undefined;
  const reached = role === undefined ? status : { ...status, role };
  return { ...reached, state: "Attached", vmId, instanceUri, lun: place.lun };
}
