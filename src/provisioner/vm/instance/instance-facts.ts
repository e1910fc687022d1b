import type { InstanceFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import type { ArmVm } from "../../arm/arm-api.ts";
import { isDeletedWithVm } from "../vm-update.ts";

/** A VM of ARM, read with its instance view, in the words of the port. */
export function instanceFactsOf(nodeName: string, vm: ArmVm, dataDisksMax: number): InstanceFacts {
  return {
    nodeName,
    instanceUri: vm.id,
    vmId: vm.vmId,
    location: vm.location,
    zone: vm.zones[0] ?? "",
    vmSize: vm.vmSize,
    powerState: powerStateOf(vm),
    busType: vm.diskControllerType?.toLowerCase() === "nvme" ? "NVMe" : "SCSI",
    dataDisksMax,
    dataDisks: vm.dataDisks.map((entry) => ({
      diskUri: entry.managedDisk?.id ?? "",
      lun: entry.lun,
      beingDetached: entry.toBeDetached === true,
      ...(isDeletedWithVm(entry) ? { deletedWithVm: true as const } : {}),
    })),
  };
}

/**
 * The power state of a VM that was read with its instance view. A hibernated VM reads as deallocated, but
 * wakes with its memory and its mounts: it is recognised first.
 */
export function powerStateOf({ statusCodes = [] }: Pick<ArmVm, "statusCodes">): InstanceFacts["powerState"] {
  const codes = statusCodes.map((code) => code.toLowerCase());
  if (codes.includes("hibernationstate/hibernated")) return "hibernated";
  const power = codes.find((code) => code.startsWith("powerstate/"))?.slice("powerstate/".length);
  switch (power) {
    case "running":
    case "stopped":
    case "deallocated":
      return power;
    case "creating":
    case "starting":
    case "stopping":
    case "deallocating":
      return "changing";
    default:
      return "unknown";
  }
}
