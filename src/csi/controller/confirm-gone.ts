import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * Whether a volume whose AzVolume is gone is gone itself. Somebody may have erased the object, finalizer
 * and all: its disk stays then, and whoever had it mounted has it still. Fails with `StillWaiting` for its
 * disk `toBe` what was waited for ("to be deleted"), and as Azure does where that can't be told.
 */
export async function confirmGone(
  { cloud }: Pick<ControllerContext, "cloud">,
  volumeId: string,
  toBe: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const disk = await cloud.getDisk({ diskUri: volumeId }, signal);
  if (disk.ok)
    return fail({
      kind: "StillWaiting",
      volumeId,
      what: `its disk ${toBe}: its AzVolume is gone, and the disk is not`,
    });
  return disk.failure.kind === "DiskNotFound" ? ok(undefined) : disk;
}
