import { dumpWorld } from "../dump.ts";
import { parseFaultRule } from "../pace/fault-rule.ts";
import { resetWorld } from "../reset.ts";
import {
  approveEventsHandler,
  getEventsHandler,
  scheduleEventHandler,
} from "../scheduled-events/event-handlers.ts";
import { vmOfCall } from "../scheduled-events/vm-of-call.ts";
import { addResourceGroup } from "../set-up.ts";
import { parseSettings } from "../settings.ts";
import { strikeVm } from "../vm/vm-events.ts";
import { addVms } from "../vm/vm-set-up-parse.ts";
import { VM_EVENTS } from "../vm/vm-set-up.ts";
import type { World } from "../world.ts";
import { type ArmCall, type HandlerResult, reply } from "./arm-message.ts";
import { armErrors } from "./errors.ts";
import { CALL_KINDS } from "./journal.ts";
import { type JsonObject, numberAt, objectAt, textAt } from "./json.ts";
import type { Handler, Route } from "./router.ts";

const BASE = "/emulator/v1";
/** Of a VM's instance metadata: what changes the state. */
const EVENTS_OF_VM = "/imds/{vm}/metadata/scheduledevents";

/** The emulator's own API, for set-up and inspection. It is small and requires no token. */
export const ADMIN_ROUTES: readonly Route[] = [
  admin("Emulator_Health", "GET", "/health", (world) =>
    reply(200, {
      status: "ok",
      nowMs: world.nowMs,
      startedAtMs: world.startedAtMs,
      timeScale: world.settings.timeScale,
    }),
  ),
  admin("Emulator_State", "GET", "/state", (world) => reply(200, dumpWorld(world))),
  admin("Emulator_Journal", "GET", "/journal", journal),
  admin("Emulator_AddResourceGroup", "POST", "/resourceGroups", addGroup),
  admin("Emulator_AddVirtualMachines", "POST", "/virtualMachines", addVms),
  admin("Emulator_StrikeVirtualMachine", "POST", "/virtualMachineEvents", strike),
  admin("Emulator_ScheduleEvent", "POST", "/scheduledEvents", scheduleEventHandler),
  admin("ScheduledEvents_Get", "GET", EVENTS_OF_VM, getEventsHandler),
  admin("ScheduledEvents_Approve", "POST", EVENTS_OF_VM, approveEventsHandler),
  admin("Emulator_ListFaults", "GET", "/faults", (world) =>
    reply(200, { value: world.faults.list().map(asJson) }),
  ),
  admin("Emulator_AddFault", "POST", "/faults", addFault),
  admin("Emulator_ClearFaults", "DELETE", "/faults", (world) => (world.faults.clear(), reply(204))),
  admin("Emulator_RemoveFault", "DELETE", "/faults/{id}", (world, call) =>
    reply(world.faults.remove(call.params["id"] ?? "") ? 204 : 404),
  ),
  admin("Emulator_GetSettings", "GET", "/settings", (world) => reply(200, settingsBody(world))),
  admin("Emulator_ChangeSettings", "PATCH", "/settings", changeSettings),
  admin("Emulator_Reset", "POST", "/reset", (world) => resetWorld(world) ?? reply(202)),
];

function admin(operation: string, method: Route["method"], path: string, handler: Handler): Route {
  return { operation, method, pattern: BASE + path, handler, isAdmin: true };
}

/** `?since=<sequence>&limit=<n>&kind=arm`: the calls after a known one, oldest first. */
function journal(world: World, call: ArmCall): HandlerResult {
  const since = Number(call.query["since"] ?? 0);
  const limit = Number(call.query["limit"] ?? 10_000);
  if (!Number.isInteger(since) || !Number.isInteger(limit) || since < 0 || limit < 1)
    return armErrors.badRequest("'since' and 'limit' are whole numbers, 'limit' at least 1");
  const { kind } = call.query;
  if (kind !== undefined && !CALL_KINDS.some((known) => known === kind))
    return armErrors.badRequest(`'kind' is one of ${CALL_KINDS.join(", ")}`);
  // The limit counts calls of the requested kind: otherwise a page of other calls would look like the end.
  const entries =
    kind === undefined
      ? world.journal.since(since, limit)
      : world.journal.since(since, Infinity).filter((entry) => entry.kind === kind);
  return reply(200, {
    lastSequence: world.journal.lastSequence(),
    value: entries.slice(0, limit).map((entry) => ({ ...entry })),
  });
}

function addGroup(world: World, call: ArmCall): HandlerResult {
  const subscriptionId = textAt(call.body, "subscriptionId");
  const name = textAt(call.body, "name");
  const location = textAt(call.body, "location");
  if (subscriptionId === undefined || name === undefined || location === undefined)
    return armErrors.badRequest("a resource group needs 'subscriptionId', 'name' and 'location'");
  const refused = addResourceGroup(world, { subscriptionId, name, location });
  return refused ?? reply(201, { subscriptionId, name, location });
}

function strike(world: World, call: ArmCall): HandlerResult {
  const event = VM_EVENTS.find((known) => known === textAt(call.body, "event"));
  if (event === undefined) return armErrors.badRequest(`'event' is one of ${VM_EVENTS.join(", ")}`);
  const named = vmOfCall(world, call);
  if (!("vm" in named)) return named;
  strikeVm(world, named.vm, event);
  return reply(202);
}

function addFault(world: World, call: ArmCall): HandlerResult {
  const parsed = parseFaultRule(call.body);
  return parsed.ok ? reply(201, asJson(world.faults.add(parsed.value))) : armErrors.badRequest(parsed.reason);
}

function changeSettings(world: World, call: ArmCall): HandlerResult {
  const parsed = parseSettings(call.body, world.settings.latencies);
  if (!parsed.ok) return armErrors.badRequest(parsed.reason);
  world.settings = { ...world.settings, ...parsed.value };
  if (numberAt(call.body, "timeScale") !== undefined || objectAt(call.body, "throttleLimits") !== undefined)
    world.buckets.clear();
  return reply(200, settingsBody(world));
}

function settingsBody(world: World): JsonObject {
  return asJson(world.settings);
}

/** Our records are valid JSON, which their types can't express. */
function asJson(record: object): JsonObject {
  return JSON.parse(JSON.stringify(record)) as JsonObject;
}
