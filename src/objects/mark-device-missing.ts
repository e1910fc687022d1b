import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { isAttached } from "../core/attachment/is-attached.ts";
import type { Failure } from "../core/failure/failure.ts";
import type { Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { changeStatus } from "./update-object.ts";

/**
 * Marks that the attachment's status is wrong about its disk, so that the controller reads the VM again.
 * A node does it for a device that it does not find, recovery for a disk that Azure has elsewhere. Only while
 * the status names the place that `attachment` has: a corrected one is no cause for another read.
 */
export function reportMissing(
  ports: { readonly store: ObjectStore },
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  return changeStatus(
    ports.store,
    { kind: "AzVolumeAttachment", name: attachment.metadata.name },
    (present) =>
      present.status !== undefined && isAttached(present) && isSamePlace(present, attachment)
        ? { ...present, status: { ...present.status, deviceMissing: true } }
        : undefined,
    signal,
  );
}

function isSamePlace(a: AzVolumeAttachment, b: AzVolumeAttachment): boolean {
  return a.status?.lun === b.status?.lun && a.status?.vmId === b.status?.vmId;
}
