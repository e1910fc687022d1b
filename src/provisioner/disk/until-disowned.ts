import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { ArmError } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { isWorthRetrying } from "../arm/error-table.ts";
import type { SharedDiskReads } from "./shared-disk-reads.ts";

/**
 * Waits until a disk names no owner for which `isOwner` holds: the disk lags behind the VM in a detach,
 * most of all after a VM's deletion. Bounded by `ownerPatienceMs` from the first answer on: the time that its
 * read waited for the call budget is none that the disk had.
 */
export async function untilDisowned(
  {
    session,
    diskReads,
  }: {
    readonly session: Pick<ArmSession, "clock" | "settings" | "backOff">;
    readonly diskReads: Pick<SharedDiskReads, "owners">;
  },
  disk: { readonly diskUri: string; readonly isOwner: (vmUri: string) => boolean },
  signal: AbortSignal,
): Promise<Result<void, ArmError>> {
  let firstMs: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const owners = await diskReads.owners(disk.diskUri, signal);
    firstMs ??= session.clock.elapsedMs();
    if (!owners.ok && !isWorthRetrying(owners.failure)) return owners;
    const left = owners.ok ? owners.value.filter(disk.isOwner) : undefined;
    if (left?.length === 0) return ok(undefined);
    if (session.clock.elapsedMs() - firstMs > session.settings.ownerPatienceMs)
      return owners.ok
        ? fail(
            ownError(
              "DiskStillOwned",
              `disk ${disk.diskUri} still names ${(left ?? []).join(", ")} as its owner`,
            ),
          )
        : owners;
    await session.backOff(attempt, signal);
  }
}
