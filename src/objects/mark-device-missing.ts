import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { changeStatus } from "./update-object.ts";

/**
 * Marks that the attachment's status is wrong about its disk, so that the controller reads the VM again.
 * A node does it for a device that it does not find, recovery for a disk that Azure has elsewhere.
 */
export function markDeviceMissing(
  ports: { readonly store: ObjectStore },
  attachment: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  return changeStatus(
    ports.store,
    { kind: "AzVolumeAttachment", name: attachment.metadata.name },
    (present) =>
      present.status?.state === "Attached" && present.status.deviceMissing !== true
        ? { ...present, status: { ...present.status, deviceMissing: true } }
        : undefined,
    signal,
  );
}
