import type { World } from "../../world.ts";
import { type ArmCall, type HandlerResult, reply } from "../arm-message.ts";
import { armErrors } from "../errors.ts";
import { type JsonObject, textAt } from "../json.ts";
import { type GroupAddress, keyOf, withUpperCaseGroup } from "./resource-id.ts";

/** An item of a list, with the id that defines its order. */
export interface Listed {
  readonly id: string;
}

/**
 * One page of a list. The link to the next page names the last id of this one, so that items added or
 * removed between two pages neither hide nor duplicate others. Clients follow the link unchanged.
 */
export function page<T extends Listed>(
  world: World,
  call: ArmCall,
  items: readonly T[],
  render: (item: T) => JsonObject,
): HandlerResult {
  const top = topOf(call);
  if (top === undefined) return armErrors.invalidTop();
  const after = call.query["$skiptoken"];
  // Keys are computed once each: a list of ten thousand has a hundred pages.
  const ordered = items
    .map((item) => ({ item, key: keyOf(item.id) }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const shown = ordered.slice(0, Math.min(world.settings.pageSize, top));
  const last = shown.at(-1);
  const body: JsonObject = { value: shown.map(({ item }) => withListedId(world, call, render(item))) };
  return reply(
    200,
    last === undefined || shown.length === ordered.length
      ? body
      : { ...body, nextLink: nextLink(call, last.key) },
  );
}

/**
 * An item as a list shows it. Recorded from 2020 to 2025 (the SDK for .NET: `GetAllInSubscription` of
 * disks, VMs, scale sets and availability sets; Azure PowerShell: TestSnapshot, TestDiskEncryptionSet):
 * those of the compute provider over a subscription have ids with the resource group in upper case, and
 * nothing else.
 */
function withListedId({ settings }: World, { path, params }: ArmCall, item: JsonObject): JsonObject {
  const id = textAt(item, "id");
  const isOfSubscription = params["resourceGroup"] === undefined && COMPUTE_PATH.test(path);
  return id !== undefined && isOfSubscription && settings.upperCaseGroupInSubscriptionLists
    ? { ...item, id: withUpperCaseGroup(id) }
    : item;
}

const COMPUTE_PATH = /\/providers\/Microsoft\.Compute\//i;

/** The largest value of an `int32`, which `$top` is. */
const TOP_MAX = 2_147_483_647;

/**
 * The most items of a page that `$top` allows; undefined where it is no positive whole number. Only lists of
 * Resource Manager's own know it.
 */
function topOf({ path, query }: ArmCall): number | undefined {
  const { $top: top } = query;
  if (top === undefined || /\/providers\//i.test(path)) return Infinity;
  return /^\d+$/.test(top) && Number(top) >= 1 && Number(top) <= TOP_MAX ? Number(top) : undefined;
}

function nextLink(call: ArmCall, token: string): string {
  const query = Object.entries({ ...call.query, $skiptoken: token }).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `${call.origin}${encodeURI(call.path)}?${query.join("&")}`;
}

/** Whether a resource is under a path's subscription and, if given, its resource group. */
export function inScope(call: ArmCall, resource: GroupAddress): boolean {
  const { subscriptionId, resourceGroup } = call.params;
  return (
    keyOf(resource.subscriptionId) === keyOf(subscriptionId ?? "") &&
    (resourceGroup === undefined || keyOf(resource.resourceGroup) === keyOf(resourceGroup))
  );
}
