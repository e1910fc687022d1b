import * as z from "zod";
import { type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { type Json, listAt } from "../api/json.ts";
import { choice, flag, type Input, listOf, members, readInput, recordOf, text, whole } from "../input.ts";
import { addVirtualMachine } from "../set-up.ts";
import type { World } from "../world.ts";
import { VM_EVENTS, type VmSetUp } from "./vm-set-up.ts";

const VMS_MAX = 5000;

const tag = z.union([z.string(), z.number(), z.boolean()], "is a text").transform(String);

const row = members({
  subscriptionId: text,
  resourceGroup: text,
  location: text,
  name: text,
  computerName: text.exactOptional(),
  scaleSet: text.exactOptional(),
  availabilitySet: text.exactOptional(),
  count: whole(1, VMS_MAX).exactOptional(),
  zone: text.exactOptional(),
  edgeZone: text.exactOptional(),
  zones: listOf(text).default([]),
  size: text.exactOptional(),
  tags: recordOf(tag).exactOptional(),
  ultraSsdEnabled: flag.exactOptional(),
  events: listOf(choice(VM_EVENTS)).exactOptional(),
});

/**
 * Reads one VM or, with `count`, a row of them: `{name: "node", count: 3, zones: ["1","2"]}` gives node-0
 * in zone 1, node-1 in zone 2, node-2 in zone 1. A `computerName` is numbered in the same way.
 */
export function parseVms(
  json: Json | undefined,
  defaults: { readonly subscriptionId?: string; readonly resourceGroup?: string; readonly location?: string },
): Input<readonly VmSetUp[]> {
  const read = readInput("a virtual machine", row, json, defaults);
  if (!read.ok) return read;
  const { count, zones, ...vm } = read.value;
  const value = Array.from({ length: count ?? 1 }, (_, index): VmSetUp => {
    const suffix = count === undefined ? "" : `-${index}`;
    const zone = vm.zone ?? zones[index % zones.length];
    return {
      ...vm,
      name: `${vm.name}${suffix}`,
      ...(vm.computerName === undefined ? {} : { computerName: `${vm.computerName}${suffix}` }),
      ...(zone === undefined ? {} : { zone }),
    };
  });
  return { ok: true, value };
}

/** POST of VMs; stops at the first invalid one. */
export function addVms(world: World, call: ArmCall): HandlerResult {
  const vms: VmSetUp[] = [];
  for (const item of listAt(call.body, "virtualMachines") ?? [call.body]) {
    const parsed = parseVms(item, {});
    if (!parsed.ok) return armErrors.badRequest(parsed.reason);
    vms.push(...parsed.value);
  }
  const ids: string[] = [];
  for (const vm of vms) {
    const added = addVirtualMachine(world, vm);
    if (added.kind === "Failure") return added;
    ids.push(added.vm.id);
  }
  return reply(201, { ids });
}
