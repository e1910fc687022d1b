import type { AzVolume } from "../api/az-volume.ts";

/**
 * Whether a volume is in this state for its present spec: until another spec, or a call, nothing
 * tries again.
 */
export function hasFailedForGood(
  { metadata, status }: AzVolume,
  state: "CreationFailed" | "DeletionFailed",
): boolean {
  return status?.state === state && status.observedGeneration === metadata.generation;
}
