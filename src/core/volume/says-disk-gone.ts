import type { Failure } from "../failure/failure.ts";

/**
 * Whether Azure reports of a disk's full id that there is no such disk, or no such resource group: then
 * nothing is left to delete. For anything but a deletion a missing group proves nothing (`saysNotThere`).
 */
export function saysDiskGone(failure: Failure): boolean {
  return (
    failure.kind === "DiskNotFound" ||
    (failure.kind === "CloudRejected" && failure.code === "ResourceGroupNotFound")
  );
}
