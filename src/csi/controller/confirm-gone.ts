import { readDiskUnlessGone } from "../../controller/adoption/confirm-disk-gone.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * Whether a volume without an AzVolume is really gone. If the object was erased with its finalizer, the
 * disk stays, and nodes may still have it mounted. While the disk exists: fails with `StillWaiting` for
 * its disk `toBe` ("to be deleted"). If the disk can't be read: fails as Azure does.
 */
export async function confirmGone(
  { cloud }: ControllerContext,
  volumeId: string,
  toBe: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const disk = await cloud.getDisk({ diskUri: volumeId }, signal);
  if (disk.ok) return diskThere(volumeId, toBe);
  return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
}

/** The same for a volume that a node may write: that one read does not find its disk shows nothing. */
export async function confirmOnNoNode(
  { cloud, listDisks }: ControllerContext,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const disk = await readDiskUnlessGone({ ...cloud, listDisks }, volumeId, signal);
  if (!disk.ok) return disk;
  return disk.value === undefined ? ok(undefined) : diskThere(volumeId, "to be looked at");
}

function diskThere(volumeId: string, toBe: string): Result<never> {
  return stillWaiting(volumeId, `its disk ${toBe}: its AzVolume is gone, and the disk is not`);
}
