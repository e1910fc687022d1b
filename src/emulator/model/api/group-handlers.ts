import {
  findResourceGroup,
  normalLocation,
  putResourceGroup,
  type ResourceGroup,
  type World,
} from "../world.ts";
import { type ArmCall, type HandlerResult, param, reply } from "./arm-message.ts";
import { armErrors } from "./errors.ts";
import { type JsonObject, textAt, textsAt } from "./json.ts";
import { meets, parseListFilter } from "./resource/list-filter.ts";
import { page } from "./resource/paging.ts";
import { groupKey, keyOf } from "./resource/resource-id.ts";

/** PUT of a resource group, which takes effect at once. */
export function putGroupHandler(world: World, call: ArmCall): HandlerResult {
  const address = addressOf(call);
  const existing = findResourceGroup(world, address);
  const location = existing?.location ?? textAt(call.body, "location");
  if (location === undefined)
    return armErrors.invalidParameter("location", "Required parameter 'location' is missing (null).");
  const group = putResourceGroup(world, {
    subscriptionId: existing?.subscriptionId ?? address.subscriptionId,
    name: existing?.name ?? address.resourceGroup,
    location: normalLocation(location),
    tags: textsAt(call.body, "tags") ?? existing?.tags ?? {},
  });
  return reply(existing === undefined ? 201 : 200, render(group));
}

export function getGroupHandler(world: World, call: ArmCall): HandlerResult {
  const group = findResourceGroup(world, addressOf(call));
  return group === undefined
    ? armErrors.resourceGroupNotFound(param(call, "resourceGroup"))
    : reply(200, render(group));
}

export function headGroupHandler(world: World, call: ArmCall): HandlerResult {
  return reply(findResourceGroup(world, addressOf(call)) === undefined ? 404 : 204);
}

/** PATCH: changes the tags, the only part of a group that changes. */
export function patchGroupHandler(world: World, call: ArmCall): HandlerResult {
  const group = findResourceGroup(world, addressOf(call));
  return group === undefined
    ? armErrors.resourceGroupNotFound(param(call, "resourceGroup"))
    : reply(
        200,
        render(putResourceGroup(world, { ...group, tags: textsAt(call.body, "tags") ?? group.tags })),
      );
}

export function listGroupsHandler(world: World, call: ArmCall): HandlerResult {
  const { $filter: filter = "" } = call.query;
  const wanted = parseListFilter(filter);
  if (wanted === undefined) return armErrors.invalidListFilter(filter);
  const groups = [...world.resourceGroups.values()].filter(
    (group) =>
      keyOf(group.subscriptionId) === keyOf(param(call, "subscriptionId")) && meets(render(group), wanted),
  );
  return page(
    world,
    call,
    groups.map((group) => ({ group, id: idOf(group) })),
    ({ group }) => render(group),
  );
}

/** DELETE of a resource group, which must be empty here. The real service would delete everything in it. */
export function deleteGroupHandler(world: World, call: ArmCall): HandlerResult {
  const address = addressOf(call);
  if (findResourceGroup(world, address) === undefined)
    return armErrors.resourceGroupNotFound(address.resourceGroup);
  const holds = [
    ...world.disks.values(),
    ...world.snapshots.values(),
    ...world.virtualMachines.values(),
    ...world.availabilitySets.values(),
    ...world.scaleSets.values(),
    ...world.linkedResources.values(),
  ].some((resource) => groupKey(resource) === groupKey(address));
  if (holds) return armErrors.groupNotEmpty(address.resourceGroup);
  world.resourceGroups.delete(groupKey(address));
  return reply(200);
}

function render(group: ResourceGroup): JsonObject {
  return {
    id: idOf(group),
    name: group.name,
    type: "Microsoft.Resources/resourceGroups",
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: "Succeeded" },
  };
}

function idOf(group: ResourceGroup): string {
  return `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`;
}

function addressOf(call: ArmCall): { subscriptionId: string; resourceGroup: string } {
  return { subscriptionId: param(call, "subscriptionId"), resourceGroup: param(call, "resourceGroup") };
}
