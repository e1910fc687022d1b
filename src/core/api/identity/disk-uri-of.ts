import type { AzVolume } from "../az-volume.ts";

/** The URI of a volume's disk, also while its status is lost; undefined: it has no disk yet. */
export function diskUriOf({ spec, status }: AzVolume): string | undefined {
  return status?.detail?.diskUri ?? spec.diskUri;
}
