import { textAt } from "../api/json.ts";
import { sameId } from "../api/resource/resource-id.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";
import { type ScaleSet, scaleSetId } from "./scale-set.ts";

/** The instances of a scale set, the oldest first. */
export function instancesOf(world: World, set: ScaleSet): readonly VirtualMachine[] {
  return [...world.virtualMachines.values()].filter((vm) => sameId(scaleSetIdOf(vm) ?? "", set.id));
}

/** The id of the scale set to which a VM belongs; undefined if it belongs to none. */
export function scaleSetIdOf(vm: VirtualMachine): string | undefined {
  return vm.instance === undefined
    ? textAt(vm.other, "virtualMachineScaleSet", "id")
    : scaleSetId({ ...vm, name: vm.instance.scaleSet });
}
