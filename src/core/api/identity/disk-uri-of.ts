import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { AzVolume } from "../az-volume.ts";

/** The URI of a volume's disk, also while its status is lost; undefined: it has no disk yet. */
export function diskUriOf({ spec, status }: AzVolume): string | undefined {
  return status?.detail?.diskUri ?? spec.diskUri;
}

/** Whether a volume is that of a disk. One without a disk is still being created, and finds this one. */
export function isOfDisk(volume: AzVolume, diskUri: string): boolean {
  return isSameResourceUri(diskUriOf(volume) ?? diskUri, diskUri);
}
