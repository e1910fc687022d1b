import type { AzVolume } from "../../core/api/az-volume.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import type { Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * Called before each request to Azure that writes the disk, also before a retry after a lost answer:
 * reads the volume past the cache. Another controller may have deleted it since, and its name, which is
 * also the disk's, may denote another volume.
 */
export function mayWriteDisk(
  ports: Pick<ControllerPorts, "store">,
  { metadata }: AzVolume,
  isAsPlanned: (present: AzVolume) => boolean,
): Precondition {
  return async (signal) => {
    const fresh = await ports.store.get("AzVolume", metadata.name, signal);
    return fresh.ok && fresh.value.metadata.uid === metadata.uid && isAsPlanned(fresh.value);
  };
}

export function isKept(volume: AzVolume): boolean {
  return !isDeleting(volume) && volume.metadata.deletionTimestamp === undefined;
}
