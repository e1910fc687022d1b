import type { SimWorld } from "../../world.ts";

/** The name of the AzVolume of a volume's disk; undefined where there is none. */
export function volumeObjectOf(world: SimWorld, volumeName: string): string | undefined {
  const diskUri = world.cluster.diskUriOf(volumeName)?.toLowerCase();
  return world.store
    .objects("AzVolume")
    .find((volume) => volume.status?.detail?.diskUri.toLowerCase() === diskUri)?.metadata.name;
}
