import type { AzVolume } from "../api/az-volume.ts";
import type { FailureOf } from "../failure/failure.ts";

/**
 * Why a disk that Azure shows is not the one that is meant: another client has deleted that, and made this
 * one under its resource id. Undefined: it is that disk, or one of the two ids is not known.
 */
export function replacedDisk(
  meant: { readonly diskUri: string; readonly uniqueId?: string | undefined },
  shown: { readonly uniqueId?: string | undefined },
): FailureOf<"DiskReplaced"> | undefined {
  const [uniqueId, shownId] = [meant.uniqueId?.toLowerCase(), shown.uniqueId?.toLowerCase()];
  return uniqueId === undefined || shownId === undefined || uniqueId === shownId
    ? undefined
    : { kind: "DiskReplaced", diskUri: meant.diskUri, uniqueId, shownId };
}

/** The same of what Azure shows under the name of a volume's disk. Undefined, too, without a volume. */
export function otherDiskThan(
  volume: Pick<AzVolume, "status"> | undefined,
  shown: { readonly diskUri: string; readonly uniqueId?: string | undefined },
): FailureOf<"DiskReplaced"> | undefined {
  const uniqueId = volume?.status?.detail?.uniqueId;
  return replacedDisk({ diskUri: shown.diskUri, uniqueId }, shown);
}
