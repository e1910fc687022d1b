import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import { replacedDisk } from "../../core/volume/replaced-disk.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DiskToChange, Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk, ArmError } from "../arm/arm-api.ts";
import { lookAgain, onlyAtOnce } from "../arm/look-again.ts";

/**
 * How old a look at a disk may be when its attach is sent, in milliseconds: a batch asks several times, and
 * each of its disks would be read again.
 */
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
  return whileSame(disk, clock, look, onlyAtOnce());
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
  if (uniqueId === undefined) return precondition;
  const objection = (present: ArmDisk): Failure | undefined =>
    replacedDisk(disk, present) === undefined ? undefined : { kind: "Refused", diskUri };
  const whyNot = lookAgain({ clock, look, isFresh, objection, context: { diskUri } });
  return async (signal) => (await whyNot(signal)) ?? precondition(signal);
}
