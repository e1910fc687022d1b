import { parseTimestamp } from "../../core/primitives/timestamp.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";
import type { ArmSnapshot } from "../arm/arm-api.ts";

/** Access states in which Azure makes disks from a snapshot whose copy still runs. */
const INSTANT_STATES: readonly (string | undefined)[] = ["InstantAccess", "AvailableWithInstantAccess"];
const COMPLETE_PERCENT = 100;

/** A snapshot of ARM in the words of the port. */
export function snapshotFactsOf(snapshot: ArmSnapshot): SnapshotFacts {
  return {
    snapshotUri: snapshot.id,
    sourceUri: snapshot.sourceId,
    location: snapshot.location,
    sizeGiB: snapshot.diskSizeGB,
    isIncremental: snapshot.incremental,
    tags: snapshot.tags,
    createdAtMs: parseTimestamp(snapshot.timeCreated),
    state: snapshot.provisioningState,
    isTaken: isTaken(snapshot),
    isRestorable: isRestorable(snapshot),
  };
}

/** A copy in the background begins when the content is fixed. */
function isTaken({ provisioningState, completionPercent }: ArmSnapshot): boolean {
  return provisioningState === "Succeeded" || completionPercent !== undefined;
}

/** Older services report no access state, and only copies in the background report a percentage. */
function isRestorable({ provisioningState, completionPercent, accessState }: ArmSnapshot): boolean {
  if (provisioningState !== "Succeeded") return false;
  if (INSTANT_STATES.includes(accessState)) return true;
  return accessState !== "Pending" && (completionPercent ?? COMPLETE_PERCENT) >= COMPLETE_PERCENT;
}
