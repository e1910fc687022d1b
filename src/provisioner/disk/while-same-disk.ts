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

/**
 * Allows a request by name only while no other disk has the name of the one that was just read. Looks again
 * after a wait, and before each repetition: a request whose answer was lost may have deleted the disk, and
 * another one may have its name by now. A look that fails allows none, and its failure is the answer.
 */
export function whileSameDisk(
  disk: DiskToChange & { readonly precondition: Precondition },
  clock: Clock,
  look: (signal: AbortSignal) => Promise<Result<ArmDisk, ArmError>>,
): Precondition {
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
): Precondition {
  return whileSame(disk, clock, look, (ageMs) => ageMs <= ATTACH_LOOK_MAX_AGE_MS);
}

function whileSame(
  disk: DiskToChange & { readonly precondition: Precondition },
  clock: Clock,
  look: (signal: AbortSignal) => Promise<Result<ArmDisk, ArmError>>,
  isFresh: (ageMs: number) => boolean,
): Precondition {
  const { diskUri, uniqueId, precondition } = disk;
  let readAtMs = clock.elapsedMs();
  if (uniqueId === undefined) return precondition;
  return async (signal) => {
    if (isFresh(clock.elapsedMs() - readAtMs)) return precondition(signal);
    const again = await look(signal);
    readAtMs = clock.elapsedMs();
    if (!again.ok && !saysGone(again.failure)) return toFailure(again.failure, { diskUri });
    return (!again.ok || replacedDisk(disk, again.value) === undefined) && precondition(signal);
  };
}
