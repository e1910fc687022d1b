import type { AzVolume } from "../../api/az-volume.ts";

/** Whether a node holds a volume, as its record says. */
export function isHeldOn(volume: AzVolume | undefined, nodeName: string): boolean {
  const writer = volume?.status?.record?.writer;
  return writer?.nodeName === nodeName && writer.held;
}
