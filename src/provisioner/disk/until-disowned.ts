import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmError } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { isWorthRetrying } from "../arm/error-table.ts";
import type { SharedDiskReads } from "./shared-disk-reads.ts";

/**
 * Waits until a disk names no owner for which `isOwner` holds: the disk lags behind the VM in a detach,
 * most of all after a VM's deletion. Bounded by `ownerPatienceMs`.
 */
export async function untilDisowned(
  { session, diskReads }: { readonly session: ArmSession; readonly diskReads: SharedDiskReads },
  disk: { readonly diskUri: string; readonly isOwner: (vmUri: string) => boolean },
  signal: AbortSignal,
): Promise<Result<void, ArmError>> {
  const startedMs = session.clock.elapsedMs();
  for (let attempt = 1; ; attempt++) {
    const owners = await diskReads.owners(disk.diskUri, signal);
    if (!owners.ok && !isWorthRetrying(owners.failure)) return owners;
    const left = owners.ok ? owners.value.filter(disk.isOwner) : undefined;
    if (left?.length === 0) return ok(undefined);
    if (session.clock.elapsedMs() - startedMs > session.settings.ownerPatienceMs) {
      return owners.ok
        ? fail(
            ownError(
              "DiskStillOwned",
              `disk ${disk.diskUri} still names ${(left ?? []).join(", ")} as its owner`,
            ),
          )
        : owners;
    }
    await session.backOff(attempt, signal);
  }
}
