import { isSameResourceUri } from "../../../core/azure/disk-uri.ts";
import type { Lane } from "../../../core/azure/lane.ts";
import { type LeftoverMove, type SuspectEntry, planLeftover } from "../../../core/azure/plan-leftover.ts";
import type { ArmVm } from "../../arm/arm-api.ts";
import type { ArmSession } from "../../arm/arm-session.ts";
import { saysNotThere } from "../../arm/error-table.ts";
import { ownersOf, readDisk } from "../../disk/disk-owners.ts";
import { askForForce } from "../check-preconditions.ts";
import type { FailedAttaches, Suspect } from "./failed-attaches.ts";

/** Entries of a VM's list without a disk behind them, by what the next update does with them. */
export interface Leftovers {
  readonly takenOff: ReadonlySet<string>;
  readonly leftOut: ReadonlySet<string>;
}

/**
 * Reads the disk of each suspect, after `model`, and decides what becomes of its entry. The write that
 * follows is conditional on `model`: Azure refuses it if another client has attached the disk since.
 */
export async function findLeftovers(
  session: ArmSession,
  asked: {
    readonly model: ArmVm;
    readonly failedAttaches: FailedAttaches;
    readonly suspects: readonly Suspect[];
    readonly lane: Lane;
  },
  signal: AbortSignal,
): Promise<Leftovers> {
  const { model, failedAttaches, suspects, lane } = asked;
  const moves = await Promise.all(
    suspects.map(async ({ diskKey, diskUri, ownAttach, isMissed }) => {
      const disk = await readShown(session, { model, diskUri, lane }, signal);
      if (disk === "onThisVm") failedAttaches.attached(diskKey);
      if (disk === "notOnThisVm") failedAttaches.diskFound(diskKey);
      const move = planLeftover({
        isVmFailed: model.provisioningState === "Failed",
        ownAttach: ownAttach === undefined ? undefined : ownAttach.wasListed ? "retried" : "entered",
        isFree: ownAttach !== undefined && (await askForForce(ownAttach.request)),
        isMissed,
        disk,
      });
      return { diskKey, move };
    }),
  );
  const keysTo = (wanted: LeftoverMove): ReadonlySet<string> =>
    new Set(moves.flatMap(({ diskKey, move }) => (move === wanted ? [diskKey] : [])));
  return { takenOff: keysTo("takeOff"), leftOut: keysTo("leaveOut") };
}

async function readShown(
  session: ArmSession,
  { model, diskUri, lane }: { readonly model: ArmVm; readonly diskUri: string; readonly lane: Lane },
  signal: AbortSignal,
): Promise<SuspectEntry["disk"]> {
  const read = await readDisk(session, { diskUri, lane }, signal);
  if (!read.ok) return saysNotThere(read.failure) ? "gone" : "unreadable";
  return ownersOf(read.value).some((owner) => isSameResourceUri(owner, model.id))
    ? "onThisVm"
    : "notOnThisVm";
}
