import type { VolumeCapability } from "../api/az-volume.ts";
import type { FailureOf } from "../failure/failure.ts";
import { refuseArgument } from "../failure/frequent-failures.ts";
import { ok, type Result } from "../failure/result.ts";
import { accessModes, type AccessMode } from "./access-mode.ts";

const SHARES_MIN_FOR_MULTI_NODE = 2;

/** Whether an access mode lets several nodes use the volume at once. */
export function isMultiNode(mode: AccessMode): boolean {
  return mode.startsWith("MULTI_NODE_");
}

/** Whether only one node may write the volume at a time: not every capability is multi-node block. */
export function isSingleWriter(capabilities: readonly VolumeCapability[]): boolean {
  return !capabilities.every(
    (capability) => capability.accessType === "block" && isMultiNode(capability.accessMode),
  );
}

/**
 * Whether a disk of `maxShares` can serve every capability: single-node modes always, multi-node modes
 * only as raw block on a shared disk. File systems on several nodes are refused, also read-only: mounting
 * ext4 read-only replays its journal and so writes.
 */
export function checkCapabilities(
  capabilities: readonly VolumeCapability[],
  maxShares: number,
): Result<void, FailureOf<"InvalidArgument">> {
  for (const { accessMode, accessType } of capabilities) {
    if (!isMultiNode(accessMode)) continue;
    if (accessType === "mount") {
      return refuseArgument(
        "volume_capability.access_mode",
        accessMode,
        `a file system can be used on one node only; use a SINGLE_NODE mode (${singleNodeModes}) or ` +
          "volumeMode Block",
      );
    }
    if (maxShares < SHARES_MIN_FOR_MULTI_NODE) {
      return refuseArgument(
        "volume_capability.access_mode",
        accessMode,
        `needs a shared disk: maxShares is ${maxShares} and must be at least ${SHARES_MIN_FOR_MULTI_NODE}`,
      );
    }
  }
  return checkCombination(capabilities);
}

/**
 * Several modes in one request have to be served by one volume, which has a writer record or none.
 * external-attacher publishes no PersistentVolume that has ReadWriteOnce and ReadOnlyMany, either.
 */
function checkCombination(
  capabilities: readonly VolumeCapability[],
): Result<void, FailureOf<"InvalidArgument">> {
  const merged = oneNodeOrMany(capabilities);
  const isForMany = merged.map(({ accessMode }) => isMultiNode(accessMode));
  if (isForMany.every((isMulti) => isMulti === isForMany[0])) return ok(undefined);
  return refuseArgument(
    "volume_capabilities.access_mode",
    [...new Set(merged.map(({ accessMode }) => accessMode))].join(", "),
    "one volume can't serve these together: state only SINGLE_NODE modes, only MULTI_NODE modes, or " +
      "MULTI_NODE_MULTI_WRITER beside others for raw block",
  );
}

/**
 * The modes that decide how a volume is published, of all that are stated for it. For raw block,
 * MULTI_NODE_MULTI_WRITER takes precedence over all others, since external-attacher states it alone for a
 * PersistentVolume that has ReadWriteMany.
 */
export function oneNodeOrMany(stated: readonly VolumeCapability[]): readonly VolumeCapability[] {
  if (stated.some(({ accessType }) => accessType !== "block")) return stated;
  const many = stated.filter(({ accessMode }) => accessMode === "MULTI_NODE_MULTI_WRITER");
  return many.length > 0 ? many : stated;
}

/**
 * Why a volume made for `existing` can't be used as `requested`; undefined if it can. Single-writer
 * volumes stay single-writer, since they have a writer record.
 */
export function capabilitiesDifference(
  existing: readonly VolumeCapability[],
  requested: readonly VolumeCapability[],
): string | undefined {
  if (isSingleWriter(existing) !== isSingleWriter(requested)) {
    return isSingleWriter(existing)
      ? "the volume is for one writer, not for several nodes at once"
      : "the volume is for several nodes at once, not for one writer";
  }
  for (const { accessType, fsType } of requested) {
    if (!existing.some((capability) => capability.accessType === accessType))
      return `the volume is not for access type ${accessType}`;
    const made = existing.find((capability) => capability.accessType === "mount")?.fsType;
    if (isStated(made) && isStated(fsType) && made.toLowerCase() !== fsType.toLowerCase())
      return `the volume's file system is ${made}, not ${fsType}`;
  }
  return undefined;
}

const singleNodeModes = accessModes.filter((mode) => !isMultiNode(mode)).join(", ");

function isStated(fsType: string | undefined): fsType is string {
  return fsType !== undefined && fsType !== "";
}
