import type { AzVolume } from "../api/az-volume.ts";
import type { FailureOf } from "../failure/failure.ts";
import { parseTimestamp } from "../primitives/timestamp.ts";

/** What tells a disk from another one that has its name, as far as it is known. */
export interface DiskIdentity {
  readonly uniqueId?: string | undefined;
  /** When Azure made it, in its words. */
  readonly timeCreated?: string | undefined;
}

/**
 * Why a disk that Azure shows is not the one that is meant: another client has deleted that, and made this
 * one under its resource id. Undefined: it is that disk, or one of the two ids is not known. A healthy disk
 * that is refused costs its pod the disk, and no document says that Azure keeps the id through a conversion
 * or a move. So one that was made at the same moment is the same disk, whatever its id.
 */
export function replacedDisk(
  meant: DiskIdentity & { readonly diskUri: string },
  shown: DiskIdentity,
): FailureOf<"DiskReplaced"> | undefined {
  const [uniqueId, shownId] = [meant.uniqueId?.toLowerCase(), shown.uniqueId?.toLowerCase()];
  return uniqueId === undefined || shownId === undefined || uniqueId === shownId || isSameMoment(meant, shown)
    ? undefined
    : { kind: "DiskReplaced", diskUri: meant.diskUri, uniqueId, shownId };
}

/** The same of what Azure shows under the name of a volume's disk. Undefined, too, without a volume. */
export function otherDiskThan(
  volume: Pick<AzVolume, "status"> | undefined,
  shown: DiskIdentity & { readonly diskUri: string },
): FailureOf<"DiskReplaced"> | undefined {
  return replacedDisk({ diskUri: shown.diskUri, ...ownIdentity(volume) }, shown);
}

/** What is recorded of a volume's own disk. */
export function ownIdentity(volume: Pick<AzVolume, "status"> | undefined): DiskIdentity {
  const { uniqueId, timeCreated } = volume?.status?.detail ?? {};
  return { uniqueId, timeCreated };
}

/** What Azure shows of them, to be recorded. */
export function shownIdentity({ uniqueId, timeCreated }: DiskIdentity): {
  readonly uniqueId?: string;
  readonly timeCreated?: string;
} {
  return {
    ...(uniqueId === undefined ? {} : { uniqueId }),
    ...(timeCreated === undefined ? {} : { timeCreated }),
  };
}

/** A snapshot, or a copy, of a disk. */
export interface MadeOfDisk {
  /** The `uniqueId` of that very disk. */
  readonly sourceUniqueId?: string | undefined;
  /** Undefined: not known. */
  readonly madeAtMs: number | undefined;
}

/**
 * Whether a snapshot or a copy was made of a disk that had the name of `disk` before it. One that was made
 * since is of `disk`, whose id Azure may have changed, or of a disk that another client has made later. Where
 * a time is not known the ids decide.
 */
export function isOfEarlierDisk({ sourceUniqueId, madeAtMs }: MadeOfDisk, disk: DiskIdentity): boolean {
  const [sourceId, uniqueId] = [sourceUniqueId?.toLowerCase(), disk.uniqueId?.toLowerCase()];
  if (sourceId === undefined || uniqueId === undefined || sourceId === uniqueId) return false;
  const diskMadeAtMs = disk.timeCreated === undefined ? undefined : parseTimestamp(disk.timeCreated);
  return madeAtMs === undefined || diskMadeAtMs === undefined || madeAtMs < diskMadeAtMs;
}

/** Azure writes a moment in more than one way. */
function isSameMoment({ timeCreated: meant }: DiskIdentity, { timeCreated: shown }: DiskIdentity): boolean {
  const meantMs = meant === undefined ? undefined : parseTimestamp(meant);
  return meantMs !== undefined && shown !== undefined && meantMs === parseTimestamp(shown);
}
