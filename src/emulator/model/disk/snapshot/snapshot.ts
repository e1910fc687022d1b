import type { Json, JsonObject } from "../../api/json.ts";
import { isoTime } from "../../api/resource/iso-time.ts";
import type { NamedAddress } from "../../api/resource/resource-id.ts";
import { type BackgroundCopy, copiedPercent } from "../copy/background-copy.ts";
import { diskSizeBytes, type ProvisioningState, type SasGrant } from "../disk.ts";
import { type Protection, renderProtection } from "../protection.ts";

/** A snapshot of a disk, a copy of one, or an empty one. */
export interface Snapshot extends NamedAddress {
  readonly id: string;
  readonly location: string;
  readonly extendedLocation?: JsonObject;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly skuName: string;
  readonly creationData: JsonObject;
  /** Undefined of an empty one. */
  readonly sourceUniqueId?: string;
  readonly incremental: boolean;
  /** Shared by the incremental snapshots of one disk. */
  readonly familyId: string;
  readonly sizeGiB: number;
  /** The sector size of its source, in bytes. */
  readonly sectorSizeBytes: number;
  readonly uniqueId: string;
  readonly createdAtMs: number;
  readonly provisioningState: ProvisioningState;
  readonly operationId?: string;
  readonly pendingBody?: Json;
  /** Its bytes come in the background, once it has been made. */
  readonly awaitsCopy?: true;
  readonly copy?: BackgroundCopy;
  /** Why its copy from another region has ended, and never completes. */
  readonly copyError?: { readonly code: string; readonly message: string };
  /** Until when it can be restored during the copy. */
  readonly instantAccessUntilMs?: number;
  readonly sas?: SasGrant;
  readonly protection: Protection;
  /** Further properties that are stored and returned, but have no effect here. */
  readonly other: JsonObject;
}

/** 0 to 100; a snapshot without a background copy is complete. */
export function completionPercent(snapshot: Snapshot, nowMs: number): number {
  return copiedPercent(snapshot.copy, nowMs);
}

export type SnapshotAccess = "Pending" | "Available" | "InstantAccess" | "AvailableWithInstantAccess";

export function snapshotAccess(snapshot: Snapshot, nowMs: number): SnapshotAccess {
  const complete = snapshot.awaitsCopy !== true && completionPercent(snapshot, nowMs) === 100;
  const instant = snapshot.instantAccessUntilMs !== undefined && nowMs < snapshot.instantAccessUntilMs;
  if (complete) return instant ? "AvailableWithInstantAccess" : "Available";
  return instant ? "InstantAccess" : "Pending";
}

/** What a write can state of a snapshot, as it is. */
export function statableOf({ tags, skuName, creationData, sizeGiB, other }: Snapshot): JsonObject {
  return { tags, sku: skuOf(skuName), properties: { ...other, creationData, diskSizeGB: sizeGiB } };
}

function skuOf(name: string): JsonObject {
  return { name, tier: name.startsWith("Premium") ? "Premium" : "Standard" };
}

/**
 * The resource as GET answers it. Only background copies report their progress, and only sectors that are not
 * of 512 bytes are named (recorded).
 */
export function renderSnapshot(snapshot: Snapshot, nowMs: number): JsonObject {
  return {
    name: snapshot.name,
    id: snapshot.id,
    type: "Microsoft.Compute/snapshots",
    location: snapshot.location,
    tags: snapshot.tags,
    extendedLocation: snapshot.extendedLocation,
    sku: skuOf(snapshot.skuName),
    properties: {
      ...snapshot.other,
      creationData: {
        ...snapshot.creationData,
        ...(snapshot.sourceUniqueId === undefined ? {} : { sourceUniqueId: snapshot.sourceUniqueId }),
        ...(snapshot.sectorSizeBytes === 512 ? {} : { logicalSectorSize: snapshot.sectorSizeBytes }),
      },
      diskSizeGB: snapshot.sizeGiB,
      diskSizeBytes: Number(diskSizeBytes(snapshot.sizeGiB)),
      ...renderProtection(snapshot.protection),
      incremental: snapshot.incremental,
      ...(snapshot.incremental ? { incrementalSnapshotFamilyId: snapshot.familyId } : {}),
      timeCreated: isoTime(snapshot.createdAtMs),
      provisioningState: snapshot.provisioningState,
      diskState: snapshot.sas !== undefined && snapshot.sas.expiresAtMs > nowMs ? "ActiveSAS" : "Unattached",
      uniqueId: snapshot.uniqueId,
      ...(snapshot.copy === undefined ? {} : { completionPercent: completionPercent(snapshot, nowMs) }),
      ...(snapshot.copyError === undefined
        ? {}
        : {
            copyCompletionError: {
              errorCode: snapshot.copyError.code,
              errorMessage: snapshot.copyError.message,
            },
          }),
      snapshotAccessState: snapshotAccess(snapshot, nowMs),
    },
  };
}
