import { type ArmCall, groupOf, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { type JsonObject, textAt, textsAt } from "../api/json.ts";
import { meets, parseListFilter } from "../api/resource/list-filter.ts";
import { page } from "../api/resource/paging.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { statedTags } from "../api/resource/stated-members.ts";
import {
  findResourceGroup,
  normalLocation,
  putResourceGroup,
  type ResourceGroup,
  type World,
} from "../world.ts";
import { deleteGroup, idOfGroup } from "./delete-group.ts";

/**
 * PUT of a resource group, which takes effect at once. It replaces the group's tags, also by none
 * (azure-cli#11513).
 */
export function putGroupHandler(world: World, call: ArmCall): HandlerResult {
  const address = groupOf(call);
  const existing = findResourceGroup(world, address);
  const location = textAt(call.body, "location");
  if (location === undefined) return armErrors.locationRequired();
  const managedBy = textAt(call.body, "managedBy") ?? existing?.managedBy;
  const group = putResourceGroup(world, {
    subscriptionId: existing?.subscriptionId ?? address.subscriptionId,
    name: existing?.name ?? address.resourceGroup,
    location: normalLocation(location),
    tags: textsAt(call.body, "tags"),
    ...(managedBy === undefined ? {} : { managedBy }),
  });
  return reply(existing === undefined ? 201 : 200, renderGroup(group));
}

export function getGroupHandler(world: World, call: ArmCall): HandlerResult {
  const group = findResourceGroup(world, groupOf(call));
  return group === undefined
    ? armErrors.resourceGroupNotFound(param(call, "resourceGroup"))
    : reply(200, renderGroup(group));
}

export function headGroupHandler(world: World, call: ArmCall): HandlerResult {
  return reply(findResourceGroup(world, groupOf(call)) === undefined ? 404 : 204);
}

/** PATCH: changes the tags, the only part of a group that changes. */
export function patchGroupHandler(world: World, call: ArmCall): HandlerResult {
  const group = findResourceGroup(world, groupOf(call));
  return group === undefined
    ? armErrors.resourceGroupNotFound(param(call, "resourceGroup"))
    : reply(200, renderGroup(putResourceGroup(world, { ...group, tags: statedTags(call.body, group.tags) })));
}

export function listGroupsHandler(world: World, call: ArmCall): HandlerResult {
  const { $filter: filter = "" } = call.query;
  const wanted = parseListFilter(filter);
  if (wanted === undefined) return armErrors.invalidListFilter(filter);
  const groups = [...world.resourceGroups.values()].filter(
    (group) =>
      keyOf(group.subscriptionId) === keyOf(param(call, "subscriptionId")) &&
      meets(renderGroup(group), wanted),
  );
  return page(
    world,
    call,
    groups.map((group) => ({ group, id: idOfGroup(group) })),
    ({ group }) => renderGroup(group),
  );
}

export function deleteGroupHandler(world: World, call: ArmCall): HandlerResult {
  const group = findResourceGroup(world, groupOf(call));
  return group === undefined
    ? armErrors.resourceGroupNotFound(param(call, "resourceGroup"))
    : deleteGroup(world, call, group);
}

/** The group as GET answers it. */
function renderGroup(group: ResourceGroup): JsonObject {
  return {
    id: idOfGroup(group),
    name: group.name,
    type: "Microsoft.Resources/resourceGroups",
    location: group.location,
    tags: group.tags,
    managedBy: group.managedBy,
    properties: { provisioningState: group.deletion === undefined ? "Succeeded" : "Deleting" },
  };
}
