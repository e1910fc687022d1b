import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { replacedDisk } from "../../core/volume/replaced-disk.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DiskToChange, Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk, ArmError } from "../arm/arm-api.ts";
import { saysGone, toFailure } from "../arm/error-table.ts";

/** How old a look at a disk may be when its request is sent, in milliseconds. */
const LOOK_MAX_AGE_MS = 5_000;
/** The same of an attach: a batch asks several times, and each of its disks would be read again. */
const ATTACH_LOOK_MAX_AGE_MS = 30_000;

/** A precondition, and why it has refused a request where a look had no answer. */
export interface SameDiskPrecondition {
  readonly precondition: Precondition;
  readonly failure: () => Failure | undefined;
}

/**
 * Allows a request by name only while no other disk has the name of the one that was just read. Looks again
 * after a wait, and before each repetition: a request whose answer was lost may have deleted the disk, and
 * another one may have its name by now. Without an answer it allows none.
 */
export function whileSameDisk(
  disk: DiskToChange & { readonly precondition: Precondition },
  clock: Clock,
  look: (signal: AbortSignal) => Promise<Result<ArmDisk, ArmError>>,
): SameDiskPrecondition {
  let isFirst = true;
  return whileSame(disk, clock, look, (ageMs) => {
    const isFresh = isFirst && ageMs <= LOOK_MAX_AGE_MS;
    isFirst = false;
    return isFresh;
  });
}

/** The same of an attach, which Azure refuses to repeat: its update states the VM's ETag. */
export function whileSameDiskToAttach(
  disk: DiskToChange & { readonly precondition: Precondition },
  clock: Clock,
  look: (signal: AbortSignal) => Promise<Result<ArmDisk, ArmError>>,
): SameDiskPrecondition {
  return whileSame(disk, clock, look, (ageMs) => ageMs <= ATTACH_LOOK_MAX_AGE_MS);
}

function whileSame(
  disk: DiskToChange & { readonly precondition: Precondition },
  clock: Clock,
  look: (signal: AbortSignal) => Promise<Result<ArmDisk, ArmError>>,
  isFresh: (ageMs: number) => boolean,
): SameDiskPrecondition {
  const { diskUri, uniqueId, precondition } = disk;
  let readAtMs = clock.elapsedMs();
  let failure: Failure | undefined;
  if (uniqueId === undefined) return { precondition, failure: () => undefined };
  return {
    failure: () => failure,
    precondition: async (signal) => {
      const again = isFresh(clock.elapsedMs() - readAtMs) ? undefined : await look(signal);
      if (again !== undefined) readAtMs = clock.elapsedMs();
      failure =
        again === undefined || again.ok || saysGone(again.failure)
          ? undefined
          : toFailure(again.failure, { diskUri });
      const isOther = again?.ok === true && replacedDisk(disk, again.value) !== undefined;
      return failure === undefined && !isOther && precondition(signal);
    },
  };
}
