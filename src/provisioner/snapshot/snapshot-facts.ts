import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { parseTimestamp } from "../../core/primitives/timestamp.ts";
import { hasFailed } from "../../core/volume/copies/unfinished-copy.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";
import type { ArmSnapshot } from "../arm/arm-api.ts";
import { copyGiBOf } from "../copy-size.ts";

/** Access states in which Azure makes disks from a snapshot whose copy still runs. */
const INSTANT_STATES: readonly (string | undefined)[] = ["InstantAccess", "AvailableWithInstantAccess"];
const COMPLETE_PERCENT = 100;
const SECTOR_SIZE_BYTES = 512;

export function snapshotFactsOf(snapshot: ArmSnapshot): SnapshotFacts {
  const sizeGiB = copyGiBOf(snapshot);
  return {
    snapshotUri: snapshot.id,
    sourceUri: snapshot.sourceId,
    ...(snapshot.sourceUniqueId === undefined
      ? {}
      : { sourceUniqueId: snapshot.sourceUniqueId.toLowerCase() }),
    location: snapshot.location,
    ...(snapshot.edgeZone === undefined ? {} : { edgeZone: snapshot.edgeZone }),
    sizeGiB,
    ...(snapshot.diskSizeGB < sizeGiB ? { shownGiB: snapshot.diskSizeGB } : {}),
    isIncremental: snapshot.incremental,
    sectorSizeBytes: snapshot.logicalSectorSize ?? SECTOR_SIZE_BYTES,
    tags: snapshot.tags,
    createdAtMs: parseTimestamp(snapshot.timeCreated),
    state: snapshot.provisioningState,
    isTaken: isTaken(snapshot),
    isRestorable: isRestorable(snapshot),
    isBeingCopied: isBeingCopied(snapshot),
    copyError: snapshot.copyError,
  };
}

/** A copy in the background begins when the content is fixed. One from another region may end without it. */
function isTaken(snapshot: ArmSnapshot): boolean {
  const { provisioningState, completionPercent, copyError } = snapshot;
  if (copyError !== undefined) return false;
  // Its source has the content as long as this copy is not complete, so it can be made again.
  const isHalf = isFromRegion(snapshot) && (completionPercent ?? 0) < COMPLETE_PERCENT;
  if (isHalf && hasFailed({ state: provisioningState })) return false;
  return provisioningState === "Succeeded" || completionPercent !== undefined;
}

/** With instant access too. One that has failed copies nothing, or only a later change of it has failed. */
function isBeingCopied({ provisioningState, completionPercent, copyError }: ArmSnapshot): boolean {
  if (copyError !== undefined || hasFailed({ state: provisioningState })) return false;
  return completionPercent !== undefined && completionPercent < COMPLETE_PERCENT;
}

/** Azure copies an incremental snapshot to another region as a whole, in the background. */
function isFromRegion({ sourceId, incremental }: Pick<ArmSnapshot, "sourceId" | "incremental">): boolean {
  return incremental && parseSnapshotUri(sourceId) !== undefined;
}

/**
 * Older services report no access state, and only copies in the background report a percentage. A copy from
 * another region has nothing before that: its source is needed until it shows a hundred.
 */
function isRestorable({
  provisioningState,
  completionPercent,
  accessState,
  copyError,
  sourceId,
  incremental,
}: ArmSnapshot): boolean {
  if (provisioningState !== "Succeeded" || copyError !== undefined) return false;
  if (INSTANT_STATES.includes(accessState)) return true;
  const unreported = isFromRegion({ sourceId, incremental }) ? 0 : COMPLETE_PERCENT;
  return accessState !== "Pending" && (completionPercent ?? unreported) >= COMPLETE_PERCENT;
}
