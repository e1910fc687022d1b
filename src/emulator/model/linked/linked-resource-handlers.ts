import { addressOf, type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { type JsonObject, objectAt, textAt } from "../api/json.ts";
import { inScope, page } from "../api/resource/paging.ts";
import { resourceId, withUpperCaseGroup } from "../api/resource/resource-id.ts";
import type { Route } from "../api/router.ts";
import { accepted, operationHeaders } from "../pace/lro.ts";
import { ensureResourceGroup, normalLocation, type World } from "../world.ts";
import {
  changeLinked,
  deleteLinked,
  findLinked,
  type LinkedAddress,
  OPERATIONS,
  writeLinked,
} from "./linked-resource-write.ts";
import { type LinkedType, renderLinkedResource } from "./linked-resource.ts";
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
  const written = writeLinked(world, address, call);
  return answered(world, call, { written, body: firstAnswer(call, address) });
}

/**
 * The first answer to a PUT, which repeats it. Recorded in 2020, 2021 and 2025 (az: test_disk_access and
 * test_disk_encryption_set_identity; Azure PowerShell: TestDiskAccessObject and TestAutomaticKeyRotation):
 * that of an encryption set has no id, and that of a disk access no state.
 */
function firstAnswer({ body }: ArmCall, address: LinkedAddress): JsonObject {
  const stated = objectAt(body) ?? {};
  if (address.type === "diskEncryptionSets")
    return { ...stated, properties: { ...objectAt(body, "properties"), provisioningState: "Updating" } };
  const { name, type } = address;
  const location = normalLocation(textAt(stated, "location") ?? "");
  return { name, id: resourceId(address), type: `Microsoft.Compute/${type}`, ...stated, location };
}

/** Recorded (TestAutomaticKeyRotation): the first answer to a PATCH shows what the resource was so far. */
function patchLinked(world: World, call: ArmCall, address: LinkedAddress): HandlerResult {
  const existing = findLinked(world, address);
  if (existing === undefined) return armErrors.patchResourceNotFound(resourceId(address), address.name);
  const written = changeLinked(world, existing, call);
  const body = renderLinkedResource({ ...existing, provisioningState: "Updating" });
  return answered(world, call, { written, body });
}

function answered(
  world: World,
  call: ArmCall,
  { written, body }: { readonly written: Written; readonly body: JsonObject },
): HandlerResult {
  return written.kind === "Failure"
    ? written
    : reply(202, body, operationHeaders(world, call, written.operation, "Disk"));
}

function getLinked(world: World, _call: ArmCall, address: LinkedAddress): HandlerResult {
  const found = findLinked(world, address);
  return found === undefined
    ? armErrors.resourceNotFound(address.type, address.name, address.resourceGroup)
    : reply(200, renderLinkedResource(found));
}

export function deleteLinkedOfType(type: LinkedType): Route["handler"] {
  return (world, call) => deleteLinkedHandler(world, call, { type, ...addressOf(call) });
}

function deleteLinkedHandler(world: World, call: ArmCall, address: LinkedAddress): HandlerResult {
  const existing = findLinked(world, address);
  if (existing === undefined) return reply(204);
  return accepted(world, call, deleteLinked(world, existing), "Disk");
}

/**
 * The ids of the disks that are encrypted with it. Recorded (az's test_disk_encryption_set_snapshot, 2022):
 * with their resource groups and names in upper case.
 */
function listAssociated(world: World, _call: ArmCall, address: LinkedAddress): HandlerResult {
  const found = findLinked(world, address);
  return found === undefined
    ? armErrors.resourceNotFound(address.type, address.name, address.resourceGroup)
    : reply(200, { value: disksLinkedTo(world, found).map(inUpperCase) });
}

function inUpperCase(id: string): string {
  return withUpperCaseGroup(id).replace(/[^/]+$/, (name) => name.toUpperCase());
}

function listLinked(world: World, call: ArmCall, type: LinkedType): HandlerResult {
  const found = [...world.linkedResources.values()].filter(
    (resource) => resource.type === type && inScope(call, resource),
  );
  return page(world, call, found, renderLinkedResource);
}
