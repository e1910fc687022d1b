import { type ArmCall, expandedMembers, type HandlerResult } from "../api/arm-message.ts";
import { renderAvailabilitySet } from "../api/availability-set-handlers.ts";
import { armErrors } from "../api/errors.ts";
import { at, type JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { meets, namesTags, parseListFilter } from "../api/resource/list-filter.ts";
import { inScope, page } from "../api/resource/paging.ts";
import { renderDiskNow } from "../disk/disk-read.ts";
import { renderSnapshot } from "../disk/snapshot/snapshot.ts";
import { renderLinkedResource } from "../linked/linked-resource.ts";
import { instancesOf } from "../scale-set/instances.ts";
import { renderScaleSet } from "../scale-set/scale-set.ts";
import { renderVirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";

/** The members of a resource in a list of resources of all types. */
const MEMBERS = ["id", "name", "type", "location", "zones", "sku", "managedBy", "identity"];

/** GET of all resources of a group or a subscription. A uniform scale set's instances are not among them. */
export function listResourcesHandler(world: World, call: ArmCall): HandlerResult {
  const { $filter: filter = "" } = call.query;
  const wanted = parseListFilter(filter);
  if (wanted === undefined) return armErrors.invalidListFilter(filter);
  const expanded = expandedMembers(call);
  // Azure does not return the tags of what is found by a tag.
  const members = namesTags(wanted) ? MEMBERS : [...MEMBERS, "tags"];
  const found = [...resourcesOf(world, call)].filter(({ shown }) => meets(shown, wanted));
  return page(world, call, found, ({ shown, createdAtMs }) => ({
    ...Object.fromEntries(members.map((member) => [member, shown[member]])),
    ...(expanded.includes("provisioningstate")
      ? { provisioningState: at(shown, "properties", "provisioningState") ?? "Succeeded" }
      : {}),
    ...(expanded.includes("createdtime") && createdAtMs !== undefined
      ? { createdTime: isoTime(createdAtMs) }
      : {}),
  }));
}

interface FoundResource {
  readonly id: string;
  readonly createdAtMs?: number;
  /** As its own GET answers. */
  readonly shown: JsonObject;
}

function* resourcesOf(world: World, call: ArmCall): Generator<FoundResource> {
  for (const { id, createdAtMs } of here(call, world.disks))
    yield { id, createdAtMs, shown: renderDiskNow(world, id) ?? {} };
  for (const snapshot of here(call, world.snapshots))
    yield { ...snapshot, shown: renderSnapshot(snapshot, world.nowMs) };
  for (const vm of here(call, world.virtualMachines))
    if (vm.instance === undefined) yield { ...vm, shown: renderVirtualMachine(vm, () => undefined) };
  for (const set of here(call, world.scaleSets)) {
    const capacity = instancesOf(world, set).length;
    yield { ...set, shown: renderScaleSet(set, { capacity, userData: false }) };
  }
  for (const set of here(call, world.availabilitySets))
    yield { id: set.id, shown: renderAvailabilitySet(world, set) };
  for (const linked of here(call, world.linkedResources))
    yield { ...linked, shown: renderLinkedResource(linked) };
}

function here<T extends Parameters<typeof inScope>[1]>(
  call: ArmCall,
  resources: ReadonlyMap<string, T>,
): readonly T[] {
  return [...resources.values()].filter((resource) => inScope(call, resource));
}
