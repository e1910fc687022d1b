import type { DiskControllerType } from "../../data-plane-port.ts";
import type { VirtualMachine } from "../../vm/virtual-machine.ts";
import type { VmSize } from "../../vm/vm-sizes.ts";
import { normalLocation } from "../../world.ts";
import { type ArmFailure, armErrors } from "../errors.ts";
import {
  at,
  booleanAt,
  isObject,
  type Json,
  type JsonObject,
  listAt,
  merged,
  sameJson,
  textAt,
  withoutMembers,
} from "../json.ts";
import { choiceOf } from "./choice.ts";

/** Properties that a VM keeps from its creation on, by the names that Azure's messages have. */
const FIXED: readonly (readonly [property: string, path: readonly string[]])[] = [
  ["osProfile.computerName", ["osProfile", "computerName"]],
  ["osProfile.adminUsername", ["osProfile", "adminUsername"]],
  ["osProfile.customData", ["osProfile", "customData"]],
  ["osDisk.name", ["storageProfile", "osDisk", "name"]],
  ["osDisk.createOption", ["storageProfile", "osDisk", "createOption"]],
  ["imageReference", ["storageProfile", "imageReference"]],
];

/**
 * Why an update of a VM is refused for what never changes. Compared is what the body states. What the VM has
 * not got yet may be stated once (inferred; a VM that was made from a disk refuses an `osProfile`).
 */
export function checkUnchangeable(vm: VirtualMachine, body: Json | undefined): ArmFailure | undefined {
  const location = textAt(body, "location");
  if (location !== undefined && normalLocation(location) !== normalLocation(vm.location))
    return armErrors.changeNotAllowed("location");
  const zones = listAt(body, "zones");
  if (zones !== undefined && !sameJson(zones, [...vm.zones])) return armErrors.changeNotAllowed("zones");
  const availabilitySet = textAt(body, "properties", "availabilitySet", "id");
  if (availabilitySet !== undefined && availabilitySet.toLowerCase() !== vm.availabilitySetId?.toLowerCase())
    return armErrors.changeNotAllowed("availabilitySet.id");
  const changed = fixedOf(vm, body).find(({ path, present }) =>
    isOther(present, at(body, "properties", ...path)),
  );
  return changed === undefined ? undefined : armErrors.changeNotAllowed(changed.property);
}

/** What a VM keeps of its properties, whatever an update says, also one that sets it to null. */
export function fixedProperties(vm: VirtualMachine, body: Json | undefined): JsonObject {
  return fixedOf(vm, body).reduce<JsonObject>(
    (all, { path, present }) => merged(all, nested(path, present)),
    {},
  );
}

function nested([member, ...path]: readonly string[], value: Json): JsonObject {
  return member === undefined ? {} : { [member]: path.length === 0 ? value : nested(path, value) };
}

/** Another disk may take the place of a VM's OS disk, under its own name (`az vm update --os-disk`). */
function fixedOf(
  { other }: VirtualMachine,
  body: Json | undefined,
): readonly { readonly property: string; readonly path: readonly string[]; readonly present: Json }[] {
  const osDisk = ["storageProfile", "osDisk", "managedDisk", "id"];
  const isSwapped = isOther(at(other, ...osDisk), at(body, "properties", ...osDisk));
  return FIXED.flatMap(([property, path]) => {
    const present = at(other, ...path);
    return present === undefined || (isSwapped && property === "osDisk.name")
      ? []
      : [{ property, path, present }];
  });
}

/** Whether a body states something else: of an object the members that it states, of a text in any case. */
function isOther(present: Json | undefined, stated: Json | undefined): boolean {
  if (stated === undefined || stated === null) return false;
  if (isObject(stated))
    // A read adds the exact version of an image.
    return Object.entries(withoutMembers(stated, ["exactVersion"])).some(([member, value]) =>
      isOther(at(present, member), value),
    );
  return typeof stated === "string" && typeof present === "string"
    ? stated.toLowerCase() !== present.toLowerCase()
    : !sameJson(stated, present);
}

/** The controller of a VM after an update: its size has to have it, and it changes only while deallocated. */
export function controllerAfter(
  vm: VirtualMachine,
  size: VmSize,
  body: Json | undefined,
): DiskControllerType | ArmFailure {
  const stated = textAt(body, "properties", "storageProfile", "diskControllerType");
  if (stated === undefined && size.name === vm.size.name) return vm.controllerType;
  const wanted = stated ?? vm.controllerType;
  const controller = choiceOf(size.controllerTypes, wanted);
  if (controller === undefined) return armErrors.controllerNotSupported(size.name, wanted);
  return controller === vm.controllerType || vm.power === "deallocated"
    ? controller
    : armErrors.onlyWhenDeallocated("storageProfile.diskControllerType");
}

/** Why an update may not change whether a VM takes Ultra disks. */
export function checkUltraChange(vm: VirtualMachine, body: Json | undefined): ArmFailure | undefined {
  const stated = booleanAt(body, "properties", "additionalCapabilities", "ultraSSDEnabled");
  return stated === undefined || stated === vm.ultraSsdEnabled || vm.power === "deallocated"
    ? undefined
    : armErrors.onlyWhenDeallocated("additionalCapabilities.ultraSSDEnabled");
}

/**
 * Why an update may not move a VM to another placement group, change the price that it pays at most, or make
 * a Spot VM a regular one. Recorded in 2019 by Azure's SDK for .NET, for which `Low` was `Spot`. Here a
 * regular VM may become one, so that those of the set-up can.
 */
export function checkAllocationChange(vm: VirtualMachine, body: Json | undefined): ArmFailure | undefined {
  if (vm.instance !== undefined) return undefined;
  const priority = textAt(body, "properties", "priority");
  if (priority !== undefined && isSpot(textAt(vm.other, "priority")) && !isSpot(priority))
    return armErrors.changeNotAllowed("priority");
  if (vm.power === "deallocated") return undefined;
  const group = at(body, "properties", "proximityPlacementGroup");
  if (isOther(at(vm.other, "proximityPlacementGroup") ?? {}, group))
    return armErrors.placementWhileRunning(vm.name);
  const price = at(body, "properties", "billingProfile", "maxPrice");
  return isOther(at(vm.other, "billingProfile", "maxPrice") ?? -1, price)
    ? armErrors.billingWhileAllocated(vm.name)
    : undefined;
}

function isSpot(priority: string | undefined): boolean {
  return ["spot", "low"].includes(priority?.toLowerCase() ?? "");
}
