import { checkAuthorization } from "../authorization/check-authorization.ts";
import { checkPolicies } from "../authorization/check-policies.ts";
import type { FaultEffect } from "../pace/fault-rule.ts";
import { faultDelivery, faultFailure } from "../pace/faults.ts";
import { operationIdIn } from "../pace/lro.ts";
import { throttle } from "../pace/throttle.ts";
import { checkPathRegion } from "../subscription/subscription-handlers.ts";
import { checkSubscription } from "../subscription/subscriptions.ts";
import { renderInstanceView } from "../vm/instance-view.ts";
import { findResourceGroup, findVm, hasResourceGroup, vmReadsKey, type World } from "../world.ts";
import {
  type ArmAnswer,
  type ArmCall,
  type ArmRequest,
  expandedMembers,
  type HandlerResult,
  reply,
} from "./arm-message.ts";
import { armErrors, type ArmFailure, errorBody, failure } from "./errors.ts";
import { type Json, objectAt } from "./json.ts";
import { checkGroupName } from "./request/check-name.ts";
import { checkResource } from "./request/check-resource.ts";
import { checkStorageProfile } from "./request/check-storage-profile.ts";
import { checkValues } from "./request/check-values.ts";
import { asDescribed } from "./request/described-body.ts";
import { withoutReadOnly } from "./request/read-only-members.ts";
import type { Route, Routed, RouteMatch } from "./router.ts";
import { ARM_ROUTES, POLL_OPERATION } from "./routes.ts";
import { answerInVersion, hasEtags, requestInVersion } from "./version-fields.ts";

/** A call's result, with what the front door added. */
export interface Answered {
  readonly operation: string;
  readonly isAdmin: boolean;
  readonly result: HandlerResult;
  readonly headers: Readonly<Record<string, string>>;
  readonly fault: FaultEffect | undefined;
}

const API_VERSION = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(-preview)?$/;
const DEFAULT_ORIGIN = "https://management.azure.com";
/**
 * Azure answers NoRegisteredProviderFound for versions that never existed. Older ones than this, the first of
 * Resource Manager, no client has.
 */
const API_VERSION_MIN = "2014-04-01";

/** The steps of a call: route, api-version with its fields, roles, policies, fault, throttle, handler. */
export function answerRequest(world: World, request: ArmRequest, routed: Routed): Answered {
  const stranger = checkSubscriptionOf(world, request.path);
  if (routed.kind === "Unknown") return rejected(stranger ?? noSuchType(request));
  if (routed.kind === "WrongMethod")
    return rejected(stranger ?? armErrors.methodNotAllowed(request.method, request.path));
  const { route } = routed;
  const call = callOf(request, routed);
  const { operation } = route;
  if (route.isAdmin === true)
    return { operation, isAdmin: true, result: route.handler(world, call), headers: {}, fault: undefined };
  const refused =
    checkApiVersion(world, call.query["api-version"]) ??
    stranger ??
    checkRights(world, request, route, call) ??
    missingGroup(world, route, call);
  if (refused !== undefined) return rejected(refused, operation);

  const fault = world.faults.strikeCall(operation, call, world.random);
  if (fault?.kind === "Error") return { ...rejected(faultFailure(fault), operation), fault };
  if (fault?.kind === "DropRequest")
    return { ...rejected(failure(0, "Dropped", "The request never arrived."), operation), fault };
  const verdict = throttle(world.buckets, {
    operation,
    isPoll: operation === POLL_OPERATION,
    method: request.method,
    path: request.path,
    nowMs: world.nowMs,
    timeScale: world.settings.timeScale,
    mode: world.settings.throttling,
    limits: world.settings.throttleLimits,
    groups: world.settings.throttleGroups,
  });
  world.caller = call.caller;
  const result =
    verdict.refused ??
    checkStorageProfile(request.body, operation, call.apiVersion) ??
    checkValues(request.body, operation) ??
    read(world, call, fault, operation) ??
    route.handler(world, call);
  world.caller = undefined;
  if (verdict.refused === undefined) remember(world, call, operation, result);
  return {
    operation,
    isAdmin: false,
    result: inVersion(result, operation, call.apiVersion),
    headers: verdict.headers,
    fault,
  };
}

/** A call as its handler receives it: with the members and headers that its API version has. */
function callOf(request: ArmRequest, { route, params }: RouteMatch): ArmCall {
  const query = Object.fromEntries(
    Object.entries(request.query ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const apiVersion = query["api-version"] ?? "";
  const isAdmin = route.isAdmin === true;
  const withEtags = isAdmin || hasEtags(route.operation, apiVersion);
  const body = isAdmin
    ? request.body
    : requestInVersion(
        withoutReadOnly(asDescribed(request.body), route.operation),
        route.operation,
        apiVersion,
      );
  return {
    path: request.path,
    params,
    query,
    ifMatch: withEtags ? request.ifMatch : undefined,
    ifNoneMatch: withEtags ? request.ifNoneMatch : undefined,
    caller: request.caller ?? "",
    body,
    apiVersion,
    origin: request.origin ?? DEFAULT_ORIGIN,
  };
}

function checkApiVersion({ settings }: World, apiVersion: string | undefined): ArmFailure | undefined {
  if (apiVersion === undefined) return armErrors.missingApiVersion();
  if (!API_VERSION.test(apiVersion) || apiVersion < API_VERSION_MIN)
    return armErrors.invalidApiVersion(apiVersion);
  const { apiVersions } = settings;
  return apiVersions.length > 0 && !apiVersions.includes(apiVersion)
    ? armErrors.noRegisteredProvider(apiVersion, apiVersions)
    : undefined;
}

/** What Resource Manager checks of the path, the caller's roles and the policies, in its order. */
function checkRights(
  world: World,
  { method, body }: ArmRequest,
  route: Route,
  call: ArmCall,
): ArmFailure | undefined {
  const { operation } = route;
  const { resourceGroup } = call.params;
  const asked = { ...call, method };
  return (
    (operation === POLL_OPERATION ? undefined : checkPathRegion(world, call)) ??
    (resourceGroup === undefined ? undefined : checkGroupName(resourceGroup)) ??
    checkAuthorization(world.settings, asked) ??
    (operation.startsWith("Tags_") ? undefined : checkResource(world, asked, body)) ??
    checkPolicies(world.settings.policies, asked, () => presentOf(world, route, call))
  );
}

/** Why nothing is at a path; a provider's is asked for in a version, as all are. */
function noSuchType({ path, query = {} }: ArmRequest): ArmFailure {
  const [, namespace] = /\/providers\/([^/]+)\/[^/]+(?!.*\/providers\/)/i.exec(path) ?? [];
  const version = Object.entries(query).find(([name]) => name.toLowerCase() === "api-version")?.[1];
  if (version === undefined) return armErrors.missingApiVersion();
  return namespace === undefined
    ? armErrors.noSuchRoute(path)
    : armErrors.invalidResourceType(namespace, version);
}

/** A path with an empty id names its next part as subscription, as Resource Manager reads it. */
function checkSubscriptionOf(world: World, path: string): ArmFailure | undefined {
  const [, id] = /^\/+subscriptions\/+([^/]+)/i.exec(path) ?? [];
  return id === undefined ? undefined : checkSubscription(world, id);
}

/**
 * Resource Manager looks for the resource group of a path before its provider sees the call. Inferred: one
 * that is being deleted takes no PUT and no PATCH.
 */
function missingGroup(world: World, { pattern, method }: Route, { params }: ArmCall): ArmFailure | undefined {
  const { subscriptionId = "", resourceGroup } = params;
  if (resourceGroup === undefined) return undefined;
  const group = { subscriptionId, resourceGroup };
  if (findResourceGroup(world, group)?.deletion !== undefined && (method === "PUT" || method === "PATCH"))
    return armErrors.groupBeingDeleted(resourceGroup);
  return pattern.endsWith("{resourceGroup}") || hasResourceGroup(world, group)
    ? undefined
    : armErrors.resourceGroupNotFound(resourceGroup);
}

/** The resource that a write changes, as its GET shows it. */
function presentOf(world: World, { pattern }: Route, call: ArmCall): Json | undefined {
  const read = ARM_ROUTES.find((route) => route.method === "GET" && route.pattern === pattern);
  const result = read?.handler(world, { ...call, query: {} });
  return result?.kind === "Failure" ? undefined : result?.body;
}

function inVersion(result: HandlerResult, operation: string, apiVersion: string): HandlerResult {
  if (result.kind === "Failure") return result;
  const { etag, ...headers } = result.headers ?? {};
  return reply(
    result.status,
    answerInVersion(result.body, operation, apiVersion),
    etag === undefined || !hasEtags(operation, apiVersion) ? headers : { etag, ...headers },
  );
}

function rejected(result: HandlerResult, operation = "Unknown"): Answered {
  return { operation, isAdmin: false, result, headers: {}, fault: undefined };
}

/** Returns the last fresh answer if a fault rule asks for a stale one and there is one. */
function read(
  world: World,
  call: ArmCall,
  fault: FaultEffect | undefined,
  operation: string,
): HandlerResult | undefined {
  const last =
    fault?.kind === "StaleRead" && mayBeStale(operation)
      ? world.lastReads.get(readKey(call, operation))
      : undefined;
  if (last === undefined) return undefined;
  return reply(200, VM_GETS.includes(operation) ? withViewOfNow(world, call, last) : last);
}

/**
 * A VM's remembered model with its current instance view. The view comes from the host and is never stale.
 */
function withViewOfNow(world: World, call: ArmCall, last: Json): Json {
  const { instanceView: _, ...properties } = objectAt(last, "properties") ?? {};
  const vm = expandedMembers(call).includes("instanceview") ? findVm(world, call.path) : undefined;
  return {
    ...objectAt(last),
    properties:
      vm === undefined ? properties : { ...properties, instanceView: renderInstanceView(world, vm) },
  };
}

function remember(world: World, call: ArmCall, operation: string, result: HandlerResult): void {
  if (!mayBeStale(operation) || result.kind === "Failure" || result.body === undefined) return;
  // Only while a rule may use it, since lists are large.
  if (world.faults.list().some((rule) => rule.effect.kind === "StaleRead"))
    world.lastReads.set(readKey(call, operation), result.body);
  else world.lastReads.clear();
}

const VM_GETS: readonly string[] = ["VirtualMachines_Get", "VirtualMachineScaleSetVMs_Get"];
const VM_READS: readonly string[] = [
  ...VM_GETS,
  "VirtualMachines_InstanceView",
  "VirtualMachineScaleSetVMs_GetInstanceView",
];

/** Lists, disks and snapshots may be stale, and VMs after writes of other clients. */
function mayBeStale(operation: string): boolean {
  return (
    operation.includes("_List") ||
    operation === "Disks_Get" ||
    operation === "Snapshots_Get" ||
    VM_READS.includes(operation)
  );
}

/**
 * A VM's reads are remembered per caller, and dropped once an operation of that caller on the VM has ended:
 * a GET of the VM after the caller's own operation must be current.
 */
function readKey(call: ArmCall, operation: string): string {
  // After a read with its instance view, a caller reads no older model of the VM without it.
  const path = VM_GETS.includes(operation)
    ? call.path.toLowerCase()
    : `${call.path.toLowerCase()}?${JSON.stringify(call.query)}`;
  return VM_READS.includes(operation) ? `${vmReadsKey(call.caller, vmPath(call.path))}${path}` : path;
}

function vmPath(path: string): string {
  return path.replace(/\/instanceView$/i, "");
}

/** Adds the common headers, and records the call in the journal. */
export function toArmAnswer(
  world: World,
  request: ArmRequest,
  answered: Answered,
  requestId: string,
): ArmAnswer {
  const { result, fault } = answered;
  const delivery = faultDelivery(fault);
  const operationId = answered.operation === POLL_OPERATION ? undefined : operationIdIn(result.headers ?? {});
  const entry = world.journal.append({
    atMs: world.nowMs,
    kind: answered.isAdmin ? "admin" : answered.operation === POLL_OPERATION ? "poll" : "arm",
    operation: answered.operation,
    method: request.method,
    path: request.path,
    query: request.query ?? {},
    ...(request.ifMatch === undefined ? {} : { ifMatch: request.ifMatch }),
    ...(request.ifNoneMatch === undefined ? {} : { ifNoneMatch: request.ifNoneMatch }),
    ...(request.clientRequestId === undefined ? {} : { clientRequestId: request.clientRequestId }),
    ...(request.caller === undefined ? {} : { caller: request.caller }),
    requestId,
    ...(request.body === undefined ? {} : { body: request.body }),
    status: result.status,
    ...(result.kind === "Failure" ? { errorCode: result.code } : {}),
    ...(operationId === undefined ? {} : { operationId }),
    ...(delivery.kind === "Dropped" ? { dropped: true } : {}),
  });
  const body = result.kind === "Failure" ? errorBody(result) : result.body;
  return {
    status: result.status,
    headers: {
      ...commonHeaders(request, requestId),
      ...failureHeaders(result),
      ...answered.headers,
      ...result.headers,
    },
    ...(body === undefined ? {} : { body }),
    delivery,
    sequence: entry.sequence,
  };
}

function commonHeaders(request: ArmRequest, requestId: string): Record<string, string> {
  return {
    "x-ms-request-id": requestId,
    "x-ms-correlation-request-id": requestId,
    ...(request.clientRequestId === undefined ? {} : { "x-ms-client-request-id": request.clientRequestId }),
    "cache-control": "no-cache",
    pragma: "no-cache",
    expires: "-1",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
  };
}

function failureHeaders(result: HandlerResult): Record<string, string> {
  return result.kind === "Failure" && result.cause !== undefined
    ? { "x-ms-failure-cause": result.cause }
    : {};
}
