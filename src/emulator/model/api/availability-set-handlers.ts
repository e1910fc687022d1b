import { checkQuota } from "../subscription/quotas.ts";
import { type AvailabilitySet, ensureResourceGroup, type World } from "../world.ts";
import { addressOf, type ArmCall, expandedMembers, type HandlerResult, param, reply } from "./arm-message.ts";
import { armErrors } from "./errors.ts";
import { type JsonObject, merged, numberAt, objectAt, textAt, withoutMembers } from "./json.ts";
import { checkVmName } from "./request/check-name.ts";
import { inScope, page } from "./resource/paging.ts";
import { keyOf, type NamedAddress, resourceId, sameId } from "./resource/resource-id.ts";
import { statedTags } from "./resource/stated-members.ts";

/** What an availability set is that says nothing else. Recorded: its SKU, which is none for managed disks. */
const DEFAULT_AVAILABILITY_SET = { skuName: "Classic", faultDomains: 2, updateDomains: 5 } as const;

/** The same of those of the set-up, whose VMs have managed disks. */
export const SET_UP_AVAILABILITY_SET = { ...DEFAULT_AVAILABILITY_SET, skuName: "Aligned" } as const;

/** Members of `properties` that the emulator understands or sets itself. */
const UNDERSTOOD = ["platformFaultDomainCount", "platformUpdateDomainCount", "virtualMachines"];

/** PUT of an availability set, which takes effect at once. */
export function putAvailabilitySetHandler(world: World, call: ArmCall): HandlerResult {
  const location = textAt(call.body, "location");
  return location === undefined ? armErrors.locationRequired() : written(world, call, location);
}

/** PATCH of an availability set, which takes effect at once. */
export function patchAvailabilitySetHandler(world: World, call: ArmCall): HandlerResult {
  const existing = availabilitySetAt(world, call);
  const address = addressOf(call);
  return existing === undefined
    ? armErrors.patchResourceNotFound(availabilitySetId(address), address.name)
    : written(world, call, textAt(call.body, "location") ?? existing.location);
}

export function availabilitySetId(address: NamedAddress): string {
  return resourceId({ ...address, type: "availabilitySets" });
}

function availabilitySetAt(world: World, call: ArmCall): AvailabilitySet | undefined {
  return world.availabilitySets.get(keyOf(availabilitySetId(addressOf(call))));
}

function written(world: World, call: ArmCall, location: string): HandlerResult {
  const address = addressOf(call);
  const id = availabilitySetId(address);
  const existing = availabilitySetAt(world, call);
  const misnamed = existing === undefined ? checkVmName("availabilitySet", address.name) : undefined;
  if (misnamed !== undefined) return misnamed;
  ensureResourceGroup(world, address, location);
  const beyond =
    existing === undefined ? checkQuota(world, { ...address, location }, "availabilitySets") : undefined;
  if (beyond !== undefined) return beyond;
  const set: AvailabilitySet = {
    ...address,
    id: existing?.id ?? id,
    location,
    tags: statedTags(call.body, existing?.tags),
    skuName: textAt(call.body, "sku", "name") ?? existing?.skuName ?? DEFAULT_AVAILABILITY_SET.skuName,
    faultDomains:
      numberAt(call.body, "properties", "platformFaultDomainCount") ??
      existing?.faultDomains ??
      DEFAULT_AVAILABILITY_SET.faultDomains,
    updateDomains:
      numberAt(call.body, "properties", "platformUpdateDomainCount") ??
      existing?.updateDomains ??
      DEFAULT_AVAILABILITY_SET.updateDomains,
    other: merged(existing?.other ?? {}, withoutMembers(objectAt(call.body, "properties") ?? {}, UNDERSTOOD)),
  };
  world.availabilitySets.set(keyOf(id), set);
  const shown = renderAvailabilitySet(world, set);
  // Recorded of sets without VMs: the answer to a write lists none.
  return reply(200, membersOf(world, set.id).length > 0 ? shown : withoutVms(shown));
}

export function getAvailabilitySetHandler(world: World, call: ArmCall): HandlerResult {
  const { name, resourceGroup } = addressOf(call);
  const found = availabilitySetAt(world, call);
  return found === undefined
    ? armErrors.resourceNotFound("availabilitySets", name, resourceGroup)
    : reply(200, renderAvailabilitySet(world, found));
}

/** Recorded: a list over a subscription has the sets' VMs only where it is asked to expand them. */
export function listAvailabilitySetsHandler(world: World, call: ArmCall): HandlerResult {
  const sets = [...world.availabilitySets.values()].filter((set) => inScope(call, set));
  const hasMembers =
    call.params["resourceGroup"] !== undefined || expandedMembers(call).includes("virtualmachines/$ref");
  return page(world, call, sets, (set) => {
    const shown = renderAvailabilitySet(world, set);
    return hasMembers ? shown : withoutVms(shown);
  });
}

function withoutVms(shown: JsonObject): JsonObject {
  return { ...shown, properties: withoutMembers(objectAt(shown, "properties") ?? {}, ["virtualMachines"]) };
}

export function deleteAvailabilitySetHandler(world: World, call: ArmCall): HandlerResult {
  const id = availabilitySetId(addressOf(call));
  const members = membersOf(world, id);
  if (members.length > 0) return armErrors.availabilitySetInUse(param(call, "name"), members);
  return reply(world.availabilitySets.delete(keyOf(id)) ? 200 : 204);
}

/** The resource as GET answers it. */
export function renderAvailabilitySet(world: World, set: AvailabilitySet): JsonObject {
  return {
    name: set.name,
    id: set.id,
    type: "Microsoft.Compute/availabilitySets",
    location: set.location,
    tags: set.tags,
    sku: { name: set.skuName },
    properties: {
      ...set.other,
      platformFaultDomainCount: set.faultDomains,
      platformUpdateDomainCount: set.updateDomains,
      virtualMachines: membersOf(world, set.id).map((id) => ({ id })),
    },
  };
}

function membersOf(world: World, id: string): readonly string[] {
  return [...world.virtualMachines.values()]
    .filter((vm) => vm.availabilitySetId !== undefined && sameId(vm.availabilitySetId, id))
    .map((vm) => vm.id);
}
