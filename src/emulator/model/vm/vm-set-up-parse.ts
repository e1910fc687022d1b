import { type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import {
  isObject,
  type Json,
  type JsonObject,
  booleanAt,
  listAt,
  numberAt,
  textAt,
  textsAt,
} from "../api/json.ts";
import { addVirtualMachine } from "../set-up.ts";
import type { World } from "../world.ts";
import { VM_EVENTS, type VmSetUp } from "./vm-set-up.ts";

export type ParsedVms =
  | { readonly ok: true; readonly vms: readonly VmSetUp[] }
  | { readonly ok: false; readonly reason: string };

const MEMBERS = [
  "subscriptionId",
  "resourceGroup",
  "location",
  "name",
  "computerName",
  "scaleSet",
  "availabilitySet",
  "count",
  "zone",
  "zones",
  "size",
  "tags",
  "ultraSsdEnabled",
  "events",
];
const VMS_MAX = 5000;

/**
 * Reads one VM or, with `count`, a row of them: `{name: "node", count: 3, zones: ["1","2"]}` gives node-0
 * in zone 1, node-1 in zone 2, node-2 in zone 1. A `computerName` is numbered in the same way.
 */
export function parseVms(
  json: Json | undefined,
  defaults: { readonly subscriptionId?: string; readonly resourceGroup?: string; readonly location?: string },
): ParsedVms {
  if (!isObject(json)) return { ok: false, reason: "a virtual machine is an object" };
  const unknown = Object.keys(json).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined)
    return {
      ok: false,
      reason: `'${unknown}' is not a member of a virtual machine; it has ${MEMBERS.join(", ")}`,
    };
  const subscriptionId = textAt(json, "subscriptionId") ?? defaults.subscriptionId;
  const resourceGroup = textAt(json, "resourceGroup") ?? defaults.resourceGroup;
  const location = textAt(json, "location") ?? defaults.location;
  const name = textAt(json, "name");
  if (
    subscriptionId === undefined ||
    resourceGroup === undefined ||
    location === undefined ||
    name === undefined
  ) {
    return {
      ok: false,
      reason: "a virtual machine needs 'subscriptionId', 'resourceGroup', 'location' and 'name'",
    };
  }
  const count = numberAt(json, "count");
  if (count !== undefined && (!Number.isInteger(count) || count < 1 || count > VMS_MAX))
    return { ok: false, reason: `'count' is a whole number from 1 to ${VMS_MAX}` };
  const unknownEvent = (listAt(json, "events") ?? []).find(
    (event) => !VM_EVENTS.some((known) => known === event),
  );
  if (unknownEvent !== undefined || (json["events"] !== undefined && listAt(json, "events") === undefined))
    return { ok: false, reason: `'events' is a list of ${VM_EVENTS.join(", ")}` };
  const computerName = textAt(json, "computerName");
  const vms = Array.from({ length: count ?? 1 }, (_, index): VmSetUp => {
    const suffix = count === undefined ? "" : `-${index}`;
    const named = {
      name: `${name}${suffix}`,
      ...(computerName === undefined ? {} : { computerName: `${computerName}${suffix}` }),
    };
    return { subscriptionId, resourceGroup, location, ...named, ...optional(json, index) };
  });
  return { ok: true, vms };
}

/** POST of VMs; stops at the first invalid one. */
export function addVms(world: World, call: ArmCall): HandlerResult {
  const list = listAt(call.body, "virtualMachines") ?? (call.body === undefined ? [] : [call.body]);
  const vms: VmSetUp[] = [];
  for (const item of list) {
    const parsed = parseVms(item, {});
    if (!parsed.ok) return armErrors.badRequest(parsed.reason);
    vms.push(...parsed.vms);
  }
  const ids: string[] = [];
  for (const vm of vms) {
    const added = addVirtualMachine(world, vm);
    if (added.kind === "Failure") return added;
    ids.push(added.vm.id);
  }
  return reply(201, { ids });
}

function optional(json: JsonObject, index: number): Partial<VmSetUp> {
  const zones = (listAt(json, "zones") ?? []).filter((zone): zone is string => typeof zone === "string");
  const zone = textAt(json, "zone") ?? (zones.length === 0 ? undefined : zones[index % zones.length]);
  const size = textAt(json, "size");
  const scaleSet = textAt(json, "scaleSet");
  const availabilitySet = textAt(json, "availabilitySet");
  const tags = textsAt(json, "tags");
  const ultraSsdEnabled = booleanAt(json, "ultraSsdEnabled");
  const events = (listAt(json, "events") ?? []).flatMap((event) =>
    VM_EVENTS.filter((known) => known === event),
  );
  return {
    ...(zone === undefined ? {} : { zone }),
    ...(size === undefined ? {} : { size }),
    ...(scaleSet === undefined ? {} : { scaleSet }),
    ...(availabilitySet === undefined ? {} : { availabilitySet }),
    ...(tags === undefined ? {} : { tags }),
    ...(ultraSsdEnabled === undefined ? {} : { ultraSsdEnabled }),
    ...(events.length === 0 ? {} : { events }),
  };
}
