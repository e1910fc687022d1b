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
