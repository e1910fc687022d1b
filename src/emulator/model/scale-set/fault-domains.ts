import { type JsonObject, numberAt } from "../api/json.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { findScaleSet, type World } from "../world.ts";
import { scaleSetIdOf } from "./instances.ts";

/** Update domains of a scale set, which states none. */
const UPDATE_DOMAINS = 5;

/**
 * Where a VM's hardware is, as its instance view says: of an instance (recorded in 2019 and 2026), which has
 * the domains of its number, and of a VM in an availability set. cloud-provider-azure labels nodes outside
 * zones by the fault domain.
 */
export function domainsOf(world: World, vm: VirtualMachine): JsonObject {
  const set = findScaleSet(world, scaleSetIdOf(vm) ?? "");
  if (set !== undefined) {
    const faultDomains = Math.max(1, numberAt(set.other, "platformFaultDomainCount") ?? 1);
    const platformFaultDomain = numberOf(vm) % faultDomains;
    return vm.instance === undefined
      ? { platformFaultDomain }
      : {
          // The one group of a set stands for all.
          placementGroupId: set.uniqueId,
          platformUpdateDomain: numberOf(vm) % UPDATE_DOMAINS,
          platformFaultDomain,
        };
  }
  const availabilitySet = world.availabilitySets.get(keyOf(vm.availabilitySetId ?? ""));
  return availabilitySet === undefined
    ? {}
    : {
        platformUpdateDomain: numberOf(vm) % availabilitySet.updateDomains,
        platformFaultDomain: numberOf(vm) % availabilitySet.faultDomains,
      };
}

function numberOf({ instance, domainNumber }: VirtualMachine): number {
  return instance === undefined ? (domainNumber ?? 0) : Number(instance.instanceId);
}

/**
 * The number of a new VM among those of its availability set or flexible scale set: of the numbers that are
 * free the nth lowest, from 0. The instances of a uniform set have their ids.
 */
export function domainNumberOf(world: World, vm: VirtualMachine, nth: number): number | undefined {
  const parent = parentOf(vm);
  if (vm.instance !== undefined || parent === undefined) return undefined;
  const siblings = [...world.virtualMachines.values()].filter((other) => parentOf(other) === parent);
  const taken = new Set(siblings.map(numberOf));
  const numbers = Array.from({ length: taken.size + nth + 1 }, (_, number) => number);
  return numbers.filter((number) => !taken.has(number))[nth];
}

function parentOf(vm: VirtualMachine): string | undefined {
  const parent = vm.availabilitySetId ?? scaleSetIdOf(vm);
  return parent === undefined ? undefined : keyOf(parent);
}
