import { armErrors, type ArmFailure } from "./api/errors.ts";
import type { Json } from "./api/json.ts";
import { resourceId } from "./api/resource-id.ts";
import { startOperation } from "./pace/operations.ts";
import type { VirtualMachine } from "./vm/virtual-machine.ts";
import { newVm } from "./vm/vm-create.ts";
import { strikeVm } from "./vm/vm-events.ts";
import type { VmSetUp } from "./vm/vm-set-up.ts";
import { dataPlaneVm } from "./vm/vm-state.ts";
import { findVm, normalLocation, putResourceGroup, putVm, findResourceGroup, type World } from "./world.ts";

export type AddedVm = { readonly kind: "Added"; readonly vm: VirtualMachine } | ArmFailure;

/** Adds a running VM at once, as if it had existed before the first call. */
export function addVirtualMachine(world: World, setUp: VmSetUp): AddedVm {
  const address = {
    subscriptionId: setUp.subscriptionId,
    resourceGroup: setUp.resourceGroup,
    name: setUp.name,
  };
  if (findVm(world, resourceId({ ...address, type: "virtualMachines" })) !== undefined)
    return armErrors.resourceExists(setUp.name);
  const vm = newVm(world, address, bodyOf(setUp));
  if ("code" in vm) return vm;
  addResourceGroup(world, {
    subscriptionId: setUp.subscriptionId,
    name: setUp.resourceGroup,
    location: setUp.location,
  });
  const running = putVm(world, { ...vm, power: "running", provisioningState: "Succeeded" });
  // Only the devices need it; no caller waits for it.
  startOperation(world, {
    name: "setUp",
    provider: "operations",
    subscriptionId: vm.subscriptionId,
    location: vm.location,
    resourceId: vm.id,
    delayMs: 0,
    internal: true,
    work: { effects: () => [{ kind: "vmStarted", ...dataPlaneVm(vm) }], end: () => undefined },
  });
  for (const event of setUp.events ?? []) strikeVm(world, findVm(world, vm.id) ?? running, event);
  return { kind: "Added", vm: running };
}

/** Creates a resource group unless it exists. */
export function addResourceGroup(
  world: World,
  group: { readonly subscriptionId: string; readonly name: string; readonly location: string },
): void {
  if (
    findResourceGroup(world, { subscriptionId: group.subscriptionId, resourceGroup: group.name }) ===
    undefined
  )
    putResourceGroup(world, { ...group, tags: {} });
}

/** Fills an empty world with its initial state. */
export function populate(world: World): void {
  for (const rule of world.initial.faults ?? []) world.faults.add(rule);
  for (const group of world.initial.resourceGroups ?? []) addResourceGroup(world, group);
  for (const vm of world.initial.virtualMachines ?? []) {
    const added = addVirtualMachine(world, vm);
    if (added.kind === "Failure")
      throw new Error(`virtual machine ${vm.name} can't be set up: ${added.message}`);
  }
}

function bodyOf(setUp: VmSetUp): Json {
  return {
    location: normalLocation(setUp.location),
    ...(setUp.zone === undefined ? {} : { zones: [setUp.zone] }),
    ...(setUp.tags === undefined ? {} : { tags: setUp.tags }),
    properties: {
      hardwareProfile: { vmSize: setUp.size ?? "Standard_D8s_v5" },
      osProfile: { computerName: setUp.computerName ?? setUp.name },
      ...(setUp.ultraSsdEnabled === true ? { additionalCapabilities: { ultraSSDEnabled: true } } : {}),
    },
  };
}
