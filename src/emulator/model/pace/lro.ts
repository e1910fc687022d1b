import { type ArmCall, type HandlerResult, isOn, param, reply } from "../api/arm-message.ts";
import { type ArmFailure, armErrors, errorBody, errorObject } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { sameId } from "../api/resource/resource-id.ts";
import { normalLocation, type World } from "../world.ts";
import type { Operation } from "./operation.ts";

/**
 * What Azure asks of the clients that follow an operation, as `Retry-After`. Recorded in raw answers of 2022
 * to 2026, by the tests of Azure Service Operator (`v2/internal/controllers/recordings/Test_Compute_*.yaml`)
 * and of the SDKs for Go and .NET (2023) and Python (2022), and by Azure PowerShell (2020, 2021): those to
 * updates of a VM, to `powerOff` and `reapply`, to deletions of disks and to writes of encryption sets and
 * disk accesses have no such header. Inferred: PATCHes of disks ask as PUTs do,
 * monitors as status documents, and all other actions for nothing.
 */
export const RETRY_AFTER = {
  diskWrite: { firstMs: 2000, runningMs: 0 },
  vmCreation: { firstMs: 10_000, runningMs: 35_000 },
  vmDeletion: { firstMs: 10_000, runningMs: 30_000 },
  vmDeallocation: { firstMs: 10_000, runningMs: 30_000 },
  vmStart: { firstMs: 10_000, runningMs: 0 },
  vmRestart: { firstMs: 10_000, runningMs: 10_000 },
  scaleSetWrite: { firstMs: 10_000, runningMs: 0 },
  groupDeletion: { firstMs: 15_000, runningMs: 15_000 },
} as const;

/**
 * The headers by which a client follows an operation. Recorded: the compute provider answers PUT, PATCH and
 * `attachDetachDataDisks` without `Location`, other actions and deletes with it; the disk provider always has
 * it, and notifies no one of the end. None of an operation that is untold.
 */
export function operationHeaders(
  world: World,
  call: ArmCall,
  operation: Operation,
  kind: "Update" | "Action" | "Disk",
): Record<string, string> {
  if (operation.isUntold === true) return {};
  const location = normalLocation(operation.location);
  const url = `${call.origin}/subscriptions/${operation.subscriptionId}/providers/Microsoft.Compute/locations/${location}/${operation.provider}/${operation.id}?p=${operation.id}`;
  const version = `&api-version=${call.apiVersion}`;
  return {
    "azure-asyncoperation": url + version,
    ...(kind === "Disk" ? {} : { "azure-asyncnotification": "Enabled" }),
    ...(kind === "Update" ? {} : { location: `${url}&monitor=true${version}` }),
    ...retryAfter(world, operation.retryAfter?.firstMs),
  };
}

/** The answer to an action or deletion that lasts, or why it did not begin. */
export function accepted(
  world: World,
  call: ArmCall,
  begun: { readonly kind: string; readonly operation: Operation } | ArmFailure,
  kind: "Action" | "Disk",
): HandlerResult {
  return "operation" in begun
    ? reply(202, undefined, operationHeaders(world, call, begun.operation, kind))
    : begun;
}

/** The same for an operation of Resource Manager itself: it has no status document. */
export function groupOperationHeaders(
  world: World,
  { origin, apiVersion }: ArmCall,
  operation: Operation,
): Record<string, string> {
  const path = `/subscriptions/${operation.subscriptionId}/operationresults/${operation.id}`;
  return {
    location: `${origin}${path}?api-version=${apiVersion}`,
    ...retryAfter(world, operation.retryAfter?.firstMs),
  };
}

/** The id of the operation that an answer's headers lead to. */
export function operationIdIn(headers: Readonly<Record<string, string>>): string | undefined {
  const url = headers["azure-asyncoperation"] ?? headers["location"] ?? "";
  return /\/(?:(?:Disk)?operations|operationresults)\/([^/?]+)/i.exec(url)?.[1];
}

/** GET of the `location` of an operation of Resource Manager itself. */
export function getGroupOperation(world: World, call: ArmCall): HandlerResult {
  const operation = world.operations.get(param(call, "operationId").toLowerCase());
  if (operation?.provider !== "operationresults" || operation.internal === true)
    return armErrors.operationNotFound(param(call, "operationId"));
  if (operation.status === "InProgress")
    return reply(202, undefined, groupOperationHeaders(world, call, operation));
  return operation.error === undefined
    ? reply(200)
    : reply(httpStatusOf(operation.error), errorBody(operation.error));
}

/** GET of `azure-asyncoperation` (a status document) or of `location` (202 until the result is there). */
export function getOperation(world: World, call: ArmCall): HandlerResult {
  const operation = world.operations.get(param(call, "operationId").toLowerCase());
  const isKnown = operation !== undefined && operation.internal !== true && operation.isUntold !== true;
  if (!isKnown || !isThere(operation, call)) return armErrors.operationNotFound(param(call, "operationId"));
  return isOn(call, "monitor")
    ? monitor(world, call, operation)
    : reply(
        200,
        statusDocument(operation),
        operation.status === "InProgress" ? retryAfter(world, operation.retryAfter?.runningMs) : {},
      );
}

/** Whether an operation is in a URL's subscription and region. */
function isThere(operation: Operation, call: ArmCall): boolean {
  return (
    sameId(operation.subscriptionId, param(call, "subscriptionId")) &&
    normalLocation(operation.location) === normalLocation(param(call, "location"))
  );
}

function statusDocument(operation: Operation): JsonObject {
  const output = operation.status === "Succeeded" ? operation.work.result?.() : undefined;
  return {
    startTime: isoTime(operation.startedAtMs),
    ...(operation.endedAtMs === undefined ? {} : { endTime: isoTime(operation.endedAtMs) }),
    status: operation.status,
    ...(output === undefined ? {} : { properties: { output } }),
    ...(operation.error === undefined ? {} : { error: errorObject(operation.error) }),
    name: operation.id,
  };
}

function monitor(world: World, call: ArmCall, operation: Operation): HandlerResult {
  if (operation.status === "InProgress") {
    return reply(202, undefined, {
      location: operationHeaders(world, call, operation, "Disk")["location"] ?? "",
      ...retryAfter(world, operation.retryAfter?.runningMs),
    });
  }
  if (operation.error !== undefined) return reply(httpStatusOf(operation.error), errorBody(operation.error));
  return reply(200, operation.work.result?.());
}

/** Errors that only end an operation have no HTTP status of their own. */
function httpStatusOf(error: ArmFailure): number {
  return error.status >= 400 ? error.status : 409;
}

/**
 * What the setting asks of all clients, in seconds of their own clocks, or Azure of this one. The header is
 * in seconds, so a faster clock omits Azure's rather than slowing its clients down.
 */
function retryAfter({ settings }: World, azuresMs = 0): Record<string, string> {
  const seconds =
    settings.pollAfterS > 0
      ? Math.ceil(settings.pollAfterS)
      : Math.floor((azuresMs * settings.timeScale) / 1000);
  return seconds >= 1 ? { "retry-after": String(seconds) } : {};
}
