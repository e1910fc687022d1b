import { ownerName, resourceId } from "../../../src/emulator/model/api/resource/resource-id.ts";
import type { LabVm } from "../lab-options.ts";
import type { NodeKind } from "../node-kinds.ts";

/** Where a node's VM is in the lab's Azure. */
export interface VmPlace {
  readonly resourceGroup: string;
  /** The scale set to which it belongs. */
  readonly scaleSet?: { readonly name: string; readonly orchestrationMode: "Uniform" | "Flexible" };
  /** The availability set to which it belongs. */
  readonly availabilitySet?: string;
  /** The name in its resource id: of an instance of a uniform scale set, its instance id. */
  readonly name: string;
}

/** The resource group of disks, and of VMs of their own. */
export const RESOURCE_GROUP = "lab";
export const SUBSCRIPTION = "00000000-0000-4000-8000-000000000001";

/** As many characters as Azure gives the VMs of a flexible scale set after the set's name. */
const FLEXIBLE_DIGITS = 8;

/**
 * The name of a node's VM that is in no scale set. It differs from the node's name, so that a driver that
 * confuses the two finds nothing.
 */
export function vmNameOf(nodeName: string): string {
  return `vm_${nodeName}`;
}

/** Where the VM of a node is that has this place, from 0, in the list of the lab's nodes. */
export function vmPlace({ kind, name }: Pick<LabVm, "kind" | "name">, index: number): VmPlace {
  const places: Readonly<Record<NodeKind, VmPlace>> = {
    uniform: {
      resourceGroup: "lab-uniform",
      scaleSet: { name: "aks-uniform-vmss", orchestrationMode: "Uniform" },
      name: String(index),
    },
    flex: {
      resourceGroup: "lab-flex",
      scaleSet: { name: "aks-flex-vmss", orchestrationMode: "Flexible" },
      name: `aks-flex-vmss_${index.toString(16).padStart(FLEXIBLE_DIGITS, "0")}`,
    },
    vm: { resourceGroup: RESOURCE_GROUP, name: vmNameOf(name) },
    avset: { resourceGroup: "lab-avset", availabilitySet: "aks-avset", name: vmNameOf(name) },
  };
  return places[kind];
}

/** The VM's resource id. */
export function vmIdAt({ resourceGroup, scaleSet, name }: VmPlace): string {
  return resourceId({
    subscriptionId: SUBSCRIPTION,
    resourceGroup,
    type: "virtualMachines",
    name,
    ...(scaleSet?.orchestrationMode === "Uniform" ? { scaleSet: scaleSet.name } : {}),
  });
}

/** The name of the VM's folder of devices: `<scale set>_<instance id>` in a uniform scale set. */
export function guestNameAt(place: VmPlace): string {
  return ownerName(vmIdAt(place)).replace(/^.*\//u, "");
}
