import { bytesToGibRoundedUp } from "../core/primitives/units.ts";
import type { ArmDisk } from "./arm/arm-api.ts";

/**
 * The least disk that a copy of a disk or snapshot can be, which Azure makes of no fewer GiB. A snapshot of
 * 1,024.25 GiB was seen (azuredisk-csi-driver#3379): a disk of the whole GiB that it shows was refused each
 * time.
 */
export function copyGiBOf({
  diskSizeGB,
  diskSizeBytes = 0,
}: Pick<ArmDisk, "diskSizeGB" | "diskSizeBytes">): number {
  return Math.max(diskSizeGB, bytesToGibRoundedUp(BigInt(diskSizeBytes)));
}
