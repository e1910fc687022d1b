import type { Disk } from "../../../../src/emulator/model/disk/disk.ts";
import { findDisk } from "../../../../src/emulator/model/world.ts";
import { fieldsOf, otherThan, type VolumeClass } from "../../../kubernetes/volume-class.ts";
import type { SimWorld } from "../../../world.ts";
import type { FaultContext } from "../../fault-class.ts";

/** The class that a volume's disk is not of now: its user asks for that. */
export function otherClass(world: SimWorld, volumeName: string): VolumeClass {
  const disk = diskOf(world, volumeName);
  if (disk?.spec.sku.family === "PremiumV2")
    return disk.spec.performance?.mbps === fieldsOf("fast").mbps ? "slow" : "fast";
  if (isConvertible(world, volumeName)) return "converted";
  return otherThan(disk?.spec.networkAccessPolicy === "AllowAll" ? "open" : "closed");
}

/**
 * The user of a volume who has asked for a class asks for the other one of its pair. Not from Premium SSD
 * v2: users know that Azure converts no disk back.
 */
export function goBack(
  { world, act }: Pick<FaultContext, "world" | "act">,
  volumeName: string,
  from: VolumeClass,
): void {
  if (from === "converted" && diskOf(world, volumeName)?.spec.sku.family === "PremiumV2") return;
  act({ kind: "modify", volumeName, volumeClass: otherThan(from) });
}

/** The disk of a volume. */
export function diskOf({ cluster, azure }: SimWorld, volumeName: string): Disk | undefined {
  return findDisk(azure.model.world, cluster.diskUriOf(volumeName) ?? "none");
}

/** What Azure converts to Premium SSD v2 while VMs have it (docs/adr/0042). */
function isConvertible({ cluster }: SimWorld, volumeName: string): boolean {
  const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
  return workload?.cachingMode === "None" && workload.maxShares === 1 && workload.skuName === "Premium_LRS";
}
