import { isSameResourceUri } from "../../../../src/core/azure/disk-uri.ts";
import { fieldsOf, otherThan, type VolumeClass } from "../../../kubernetes/volume-class.ts";
import type { SimWorld } from "../../../world.ts";

/** The class that a volume's disk is not of now: its user asks for that. */
export function otherClass({ cluster, azure }: SimWorld, volumeName: string): VolumeClass {
  const diskUri = cluster.diskUriOf(volumeName) ?? "none";
  const disk = [...azure.model.world.disks.values()].find(({ id }) => isSameResourceUri(id, diskUri));
  if (disk?.spec.sku.family === "PremiumV2")
    return otherThan(disk.spec.performance?.mbps === fieldsOf("fast").mbps ? "fast" : "slow");
  return otherThan(disk?.spec.networkAccessPolicy === "AllowAll" ? "open" : "closed");
}
