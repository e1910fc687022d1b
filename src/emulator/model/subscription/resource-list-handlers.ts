import { type ArmCall, expandedMembers, type HandlerResult } from "../api/arm-message.ts";
import { renderAvailabilitySet } from "../api/availability-set-handlers.ts";
import { armErrors } from "../api/errors.ts";
import { at, type JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { meets, namesTags, parseListFilter } from "../api/resource/list-filter.ts";
import { inScope, page } from "../api/resource/paging.ts";
import type { ComputeType } from "../api/resource/resource-id.ts";
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
  const found = [...resourcesOf(world, call)].filter(({ head }) => meets(head, wanted));
  return page(world, call, found, ({ createdAtMs, render }) => {
    const shown = render();
    return {
      ...Object.fromEntries(members.map((member) => [member, shown[member]])),
      ...(expanded.includes("provisioningstate")
        ? { provisioningState: at(shown, "properties", "provisioningState") ?? "Succeeded" }
        : {}),
      ...(expanded.includes("createdtime") && createdAtMs !== undefined
        ? { createdTime: isoTime(createdAtMs) }
        : {}),
    };
  });
}

/** What a filter reads of a stored resource, whatever its type. */
interface Stored {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly createdAtMs?: number;
}

interface FoundResource {
  readonly id: string;
  readonly createdAtMs: number | undefined;
  /** The members of its own GET's answer by which a filter finds it. */
  readonly head: JsonObject;
  /** Returns what its own GET answers. Only the resources of a page are rendered, of ten thousand found. */
  render(): JsonObject;
}

function* resourcesOf(world: World, call: ArmCall): Generator<FoundResource> {
  for (const disk of here(call, world.disks))
    yield foundResource("disks", disk, () => renderDiskNow(world, disk.id) ?? {}, { tags: disk.spec.tags });
  for (const snapshot of here(call, world.snapshots))
    yield foundResource("snapshots", snapshot, () => renderSnapshot(snapshot, world.nowMs));
  for (const vm of here(call, world.virtualMachines))
    if (vm.instance === undefined)
      yield foundResource("virtualMachines", vm, () => renderVirtualMachine(vm, () => undefined), vm.members);
  for (const set of here(call, world.scaleSets))
    yield foundResource(
      "virtualMachineScaleSets",
      set,
      () => renderScaleSet(set, { capacity: instancesOf(world, set).length, userData: false }),
      set.members,
    );
  for (const set of here(call, world.availabilitySets))
    yield foundResource("availabilitySets", set, () => renderAvailabilitySet(world, set));
  for (const linked of here(call, world.linkedResources))
    yield foundResource(linked.type, linked, () => renderLinkedResource(linked), {
      identity: linked.identity,
    });
}

/** `members`: those of its type that a filter reads besides, such as its identity and its plan. */
function foundResource(
  type: ComputeType,
  { id, name, location, tags, createdAtMs }: Stored,
  render: FoundResource["render"],
  members: JsonObject = {},
): FoundResource {
  const head = { id, name, type: `Microsoft.Compute/${type}`, location, tags, ...members };
  return { id, createdAtMs, head, render };
}

function here<T extends Parameters<typeof inScope>[1]>(
  call: ArmCall,
  resources: ReadonlyMap<string, T>,
): readonly T[] {
  return [...resources.values()].filter((resource) => inScope(call, resource));
}
