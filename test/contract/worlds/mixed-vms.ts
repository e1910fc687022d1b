import { instanceIdOf, singleVms, SUBSCRIPTION_ID, type VmKind } from "./cloud-bench.ts";

/** Resource groups of the kinds; disks are in a further one. */
export const MIXED_GROUPS = {
  flexible: "rg-flexible",
  uniform: "rg-uniform",
  availabilitySet: "rg-availability",
  single: "rg-single",
} as const;

type Kind = keyof typeof MIXED_GROUPS;

/** By turns, by a node's last letter: node-a is flexible, node-b uniform, node-c in an availability set. */
const TURNS = ["single", "flexible", "uniform", "availabilitySet"] as const satisfies readonly Kind[];

const UNIFORM_SET = "aks-pool-vmss";
const FLEXIBLE_SET = "flex-pool-vmss";
const AVAILABILITY_SET = "availability";

function kindOf(nodeName: string): Kind {
  return TURNS[(nodeName.codePointAt(nodeName.length - 1) ?? 0) % TURNS.length] ?? "single";
}

/**
 * Flexible VMs, instances of a uniform scale set, VMs of an availability set and VMs of their own, each kind
 * in a resource group of its own and in none of those with the disks.
 */
export const mixedVms: VmKind = {
  uri: (nodeName) => {
    const { resourceGroup, name } = placeOf(nodeName);
    const set = kindOf(nodeName) === "uniform" ? `virtualMachineScaleSets/${UNIFORM_SET}/` : "";
    return (
      `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/` +
      `${set}virtualMachines/${name}`
    );
  },
  name: (nodeName) => {
    const { name } = placeOf(nodeName);
    return kindOf(nodeName) === "uniform" ? `${UNIFORM_SET}_${name}` : name;
  },
  // VirtualMachines_* and VirtualMachineScaleSetVMs_*.
  operation: (operation) => `VirtualMachine*s_${operation}`,
  updateMethod: (nodeName) => (kindOf(nodeName) === "uniform" ? "PUT" : "PATCH"),
  getsTags: (nodeName) => kindOf(nodeName) !== "uniform",
  resourceGroups: Object.values(MIXED_GROUPS),
  scaleSets: [
    { name: UNIFORM_SET, resourceGroup: MIXED_GROUPS.uniform, orchestrationMode: "Uniform" },
    { name: FLEXIBLE_SET, resourceGroup: MIXED_GROUPS.flexible, orchestrationMode: "Flexible" },
  ],
  place: placeOf,
};

function placeOf(nodeName: string): ReturnType<VmKind["place"]> & { readonly resourceGroup: string } {
  const kind = kindOf(nodeName);
  const resourceGroup = MIXED_GROUPS[kind];
  switch (kind) {
    case "uniform":
      return { resourceGroup, scaleSet: UNIFORM_SET, name: instanceIdOf(nodeName) };
    case "flexible":
      return { resourceGroup, scaleSet: FLEXIBLE_SET, name: `${FLEXIBLE_SET}_${instanceIdOf(nodeName)}` };
    case "availabilitySet":
      return { resourceGroup, availabilitySet: AVAILABILITY_SET, name: singleVms.name(nodeName) };
    case "single":
      return { resourceGroup, name: singleVms.name(nodeName) };
  }
}
