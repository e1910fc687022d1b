import { type ArmCall, type HandlerResult, param, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { listAt, numberAt, textAt } from "../api/json.ts";
import { vmAt, vmGone } from "../vm/vm-handlers.ts";
import type { World } from "../world.ts";
import { eventsDocument, scopeOf } from "./events-document.ts";
import { PLATFORM_EVENTS, schedulePlatformEvent } from "./platform-event.ts";
import { approveEvent, NOTICE_MS } from "./raise-event.ts";
import { vmCalled } from "./vm-called.ts";
import { vmOfCall } from "./vm-of-call.ts";

/** GET of a VM's scheduled events: from now on, what clients do to it waits for its approval. */
export function getEventsHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmCalled(world, param(call, "vm"));
  if (typeof vm === "string") return reply(404, { error: vm });
  world.listeners.set(vm.vmGuid, world.nowMs);
  return reply(200, eventsDocument(world, vm));
}

/** POST of approvals, `{StartRequests: [{EventId}]}`, by any VM that sees the events. */
export function approveEventsHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmCalled(world, param(call, "vm"));
  if (typeof vm === "string") return reply(404, { error: vm });
  const ids = listAt(call.body, "StartRequests")?.map((request) => textAt(request, "EventId"));
  if (ids === undefined) return malformed("'StartRequests' is a list of {EventId}");
  const scope = scopeOf(vm);
  const events = ids.map((id) => world.scheduledEvents.get(id?.toUpperCase() ?? ""));
  const unknown = events.findIndex((event) => event?.scope !== scope);
  if (unknown >= 0) return malformed(`there is no event '${ids[unknown] ?? ""}'`);
  for (const event of events) if (event !== undefined) approveEvent(world, event);
  return reply(200);
}

/** POST of the emulator's own API: `{vmId, eventType, noticeS}` schedules maintenance by the platform. */
export function scheduleEventHandler(world: World, call: ArmCall): HandlerResult {
  const type = PLATFORM_EVENTS.find((known) => known === textAt(call.body, "eventType"));
  if (type === undefined) return armErrors.badRequest(`'eventType' is one of ${PLATFORM_EVENTS.join(", ")}`);
  const noticeS = numberAt(call.body, "noticeS") ?? NOTICE_MS[type] / 1000;
  if (noticeS < 0) return armErrors.badRequest("'noticeS' is a number of seconds, at least 0");
  const named = vmOfCall(world, call);
  if (!("vm" in named)) return named;
  const noticeMs = noticeS * 1000 * world.settings.timeScale;
  return reply(202, { EventId: schedulePlatformEvent(world, named.vm, { type, noticeMs }).id });
}

/**
 * POST simulateEviction (Learn, Use Azure Spot Virtual Machines): 204, and the VM is evicted within 30
 * minutes; here after the notice of a `Preempt` event. Azure refuses it for other VMs.
 */
export function simulateEvictionHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  if (vm === undefined) return vmGone(world, call);
  if (textAt(vm.other, "priority")?.toLowerCase() !== "spot") return armErrors.notSpot();
  const noticeMs = NOTICE_MS.Preempt * world.settings.timeScale;
  schedulePlatformEvent(world, vm, { type: "Preempt", noticeMs });
  return reply(204);
}

function malformed(reason: string): HandlerResult {
  return reply(400, { error: `Bad request. ${reason}` });
}
