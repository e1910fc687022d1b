import type { Failure } from "../failure/failure.ts";

/**
 * Whether Azure reports of a disk's full id that there is no such disk, or no such resource group: then
 * nothing is left to delete, and no object has to keep it. That a node can't write is no more shown by a
 * missing group (`saysNotThere`). Nor is a record rebuilt by it: all disks are in that group, and ARM
 * replicates groups between its regions asynchronously, so one answer of an outdated region would name no VM
 * of any of them.
 */
export function saysDiskGone(failure: Failure): boolean {
  return (
    failure.kind === "DiskNotFound" ||
    (failure.kind === "CloudRejected" && failure.code === "ResourceGroupNotFound")
  );
}
