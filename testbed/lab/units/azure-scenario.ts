import { RESOURCE_GROUP, SUBSCRIPTION, type VmPlace, vmPlace } from "../cluster/vm-place.ts";
import type { LabSettings } from "../lab-options.ts";

/** The region of everything in the lab's Azure. */
export const LOCATION = "eastus";

/**
 * The state with which the emulator of a lab begins: each node's VM, with the node's name as its host name,
 * and the scale sets, availability set and resource groups that they are in.
 */
export function azureScenario({
  vms,
  vmSize,
  timeScale,
}: Pick<LabSettings, "vms" | "vmSize" | "timeScale">): object {
  const places = vms.map(vmPlace);
  return {
    subscriptionId: SUBSCRIPTION,
    location: LOCATION,
    resourceGroups: [...new Set([RESOURCE_GROUP, ...places.map(({ resourceGroup }) => resourceGroup)])],
    scaleSets: scaleSetsOf(places).map((set) => ({ ...set, size: vmSize, zones: ["1", "2"] })),
    virtualMachines: vms.map((vm, index) => {
      const { resourceGroup, scaleSet, availabilitySet, name } = vmPlace(vm, index);
      return {
        name,
        resourceGroup,
        ...(scaleSet === undefined ? {} : { scaleSet: scaleSet.name }),
        ...(availabilitySet === undefined ? {} : { availabilitySet }),
        computerName: vm.name,
        ...(vm.zone === undefined ? {} : { zone: vm.zone }),
        size: vmSize,
      };
    }),
    settings: { timeScale },
  };
}

function scaleSetsOf(places: readonly VmPlace[]): readonly object[] {
  const sets = new Map(
    places.flatMap(({ scaleSet, resourceGroup }) =>
      scaleSet === undefined ? [] : [[scaleSet.name, { ...scaleSet, resourceGroup }] as const],
    ),
  );
  return [...sets.values()];
}
