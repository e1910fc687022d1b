import { type ArmId, parseArmId } from "./arm-id.ts";

const PREFIX = "azure://";

/** What the `spec.providerID` of a Kubernetes Node says of its VM. */
export type ProviderId =
  | { readonly kind: "VirtualMachine"; readonly vm: ArmId }
  /** An instance of a scale set in uniform mode: it is written by other calls than a VM is. */
  | { readonly kind: "ScaleSetInstance" }
  | { readonly kind: "Unknown" };

/** Reads a providerID such as `azure:///subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/node-a`. */
export function parseProviderId(providerId: string): ProviderId {
  const id = providerId.startsWith(PREFIX) ? providerId.slice(PREFIX.length) : providerId;
  const vm = parseArmId(id);
  if (vm?.type === "virtualmachines") return { kind: "VirtualMachine", vm };
  return /\/virtualMachineScaleSets\/[^/]+\/virtualMachines\/[^/]+$/i.test(id) ? { kind: "ScaleSetInstance" } : { kind: "Unknown" };
}
