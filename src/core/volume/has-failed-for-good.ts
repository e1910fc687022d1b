import type { AzVolume } from "../api/az-volume.ts";

/** Whether a volume stays in this state until its spec changes, or a call comes. */
export function hasFailedForGood(
  { metadata, status }: AzVolume,
  state: "CreationFailed" | "DeletionFailed",
): boolean {
  return status?.state === state && status.observedGeneration === metadata.generation;
}
