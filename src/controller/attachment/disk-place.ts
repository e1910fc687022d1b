import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";

/** Where a disk is: a VM, and its LUN there. */
export interface DiskPlace {
  readonly node: Pick<NodeIdentity, "vmId" | "instanceUri">;
  readonly lun: number;
}

/** Without what the status says of one VM: which it is, and what the disk's place is there. */
export function withoutPlace({
  vmId: _vmId,
  instanceUri: _instanceUri,
  lun: _lun,
  listed: _listed,
  deviceMissing: _deviceMissing,
  provenOff: _provenOff,
  ...status
}: AttachmentStatus): AttachmentStatus {
  return status;
}

/**
 * The status after a look at the disk, which was found at `place`, or nowhere: what an attempt and its error
 * said before is over.
 */
export function foundAt(
  present: AttachmentStatus | undefined,
  place: DiskPlace | undefined,
): AttachmentStatus {
  const { attempt: _, error: __, ...status } = withoutPlace(present ?? { state: "Pending" });
  if (place === undefined) return { ...status, state: "Pending" };
  const { vmId, instanceUri } = place.node;
  return { ...status, state: "Attached", vmId, instanceUri, lun: place.lun };
}
