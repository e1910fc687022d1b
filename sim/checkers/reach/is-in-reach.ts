import type { Disk } from "../../../src/emulator/model/disk/disk.ts";
import type { VirtualMachine } from "../../../src/emulator/model/vm/virtual-machine.ts";

/**
 * Whether Azure attaches a disk to a VM, by its own rule and not the driver's: a disk in a zone to the VMs of
 * that zone, one without a zone to those without, and a zone-redundant one to all.
 */
export function isInReach(disk: Pick<Disk, "spec" | "zones">, vm: Pick<VirtualMachine, "zones">): boolean {
  return disk.spec.sku.zoneRedundant || (disk.zones[0] ?? "") === (vm.zones[0] ?? "");
}
