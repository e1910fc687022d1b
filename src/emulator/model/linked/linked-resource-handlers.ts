import { addressOf, type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import { inScope, page } from "../api/resource/paging.ts";
import { resourceId } from "../api/resource/resource-id.ts";
import type { Route } from "../api/router.ts";
import { operationHeaders } from "../pace/lro.ts";
import { ensureResourceGroup, type World } from "../world.ts";
import {
  changeLinked,
  deleteLinked,
  findLinked,
  type LinkedAddress,
  OPERATIONS,
  writeLinked,
} from "./linked-resource-write.ts";
import { firstAnswer, type LinkedType, renderLinkedResource } from "./linked-resource.ts";
import { disksLinkedTo } from "./links.ts";

type Written = ReturnType<typeof writeLinked>;

/** The routes of a type of linked resources, below the compute provider of a group and of a subscription. */
export function linkedRoutes(
  type: LinkedType,
  { group, subscription }: Readonly<Record<"group" | "subscription", string>>,
): readonly Route[] {
  const operations = OPERATIONS[type];
  const one = `${group}/${type}/{name}`;
  const route = (
    verb: string,
    method: Route["method"],
    pattern: string,
    handler: (world: World, call: ArmCall, address: LinkedAddress) => HandlerResult,
  ): Route => ({
    operation: `${operations}_${verb}`,
    method,
    pattern,
    handler: (world, call) => handler(world, call, { type, ...addressOf(call) }),
  });
  const list: Route["handler"] = (world, call) => listLinked(world, call, type);
  return [
    route("CreateOrUpdate", "PUT", one, putLinked),
    route("Update", "PATCH", one, patchLinked),
    route("Get", "GET", one, getLinked),
    route("Delete", "DELETE", one, deleteLinkedHandler),
    {
      operation: `${operations}_ListByResourceGroup`,
      method: "GET",
      pattern: `${group}/${type}`,
      handler: list,
    },
    { operation: `${operations}_List`, method: "GET", pattern: `${subscription}/${type}`, handler: list },
    ...(type === "diskEncryptionSets"
      ? [route("ListAssociatedResources", "GET", `${one}/associatedResources`, listAssociated)]
      : []),
  ];
}

function putLinked(world: World, call: ArmCall, address: LinkedAddress): HandlerResult {
  ensureResourceGroup(world, address, textAt(call.body, "location") ?? "eastus");
  return answered(world, call, { address, written: writeLinked(world, address, call), isPut: true });
}

function patchLinked(world: World, call: ArmCall, address: LinkedAddress): HandlerResult {
  const existing = findLinked(world, address);
  return existing === undefined
    ? armErrors.patchResourceNotFound(resourceId(address), address.name)
    : answered(world, call, { address, written: changeLinked(world, existing, call) });
}

function answered(
  world: World,
  call: ArmCall,
  {
    address,
    written,
    isPut,
  }: { readonly address: LinkedAddress; readonly written: Written; readonly isPut?: true },
): HandlerResult {
  if (written.kind === "Failure") return written;
  const present = findLinked(world, address);
  const body =
    present === undefined || isPut === undefined
      ? present && renderLinkedResource(present)
      : firstAnswer(present, call.body ?? {});
  return reply(202, body, operationHeaders(world, call, written.operation, "Disk"));
}

function getLinked(world: World, _call: ArmCall, address: LinkedAddress): HandlerResult {
  const found = findLinked(world, address);
  return found === undefined
    ? armErrors.resourceNotFound(address.type, address.name, address.resourceGroup)
    : reply(200, renderLinkedResource(found));
}

/** DELETE of a resource of that type. */
export function deleteLinkedOfType(type: LinkedType): Route["handler"] {
  return (world, call) => deleteLinkedHandler(world, call, { type, ...addressOf(call) });
}

function deleteLinkedHandler(world: World, call: ArmCall, address: LinkedAddress): HandlerResult {
  const existing = findLinked(world, address);
  if (existing === undefined) return reply(204);
  const deleted = deleteLinked(world, existing);
  return deleted.kind === "Failure"
    ? deleted
    : reply(202, undefined, operationHeaders(world, call, deleted.operation, "Disk"));
}

/** The ids of the disks that are encrypted with it. */
function listAssociated(world: World, _call: ArmCall, address: LinkedAddress): HandlerResult {
  const found = findLinked(world, address);
  return found === undefined
    ? armErrors.resourceNotFound(address.type, address.name, address.resourceGroup)
    : reply(200, { value: [...disksLinkedTo(world, found)] });
}

function listLinked(world: World, call: ArmCall, type: LinkedType): HandlerResult {
  const found = [...world.linkedResources.values()].filter(
    (resource) => resource.type === type && inScope(call, resource),
  );
  return page(world, call, found, renderLinkedResource);
}
