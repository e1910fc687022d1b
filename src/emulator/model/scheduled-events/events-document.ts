import type { JsonObject } from "../api/json.ts";
import { httpTime } from "../api/resource/iso-time.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { scaleSetIdOf } from "../scale-set/instances.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";
import type { ScheduledEvent } from "./scheduled-event.ts";

/**
 * The VMs that see the same events, as a key: those of a scale set or an availability set, or one alone.
 */
export function scopeOf(vm: VirtualMachine): string {
  return keyOf(scaleSetIdOf(vm) ?? vm.availabilitySetId ?? vm.id);
}

type EventStatus = "Scheduled" | "Started" | "Ended";

export function statusOf(world: World, event: ScheduledEvent): EventStatus {
  const phase = world.operations.get(event.operationId)?.phase;
  if (phase === undefined || phase === "Ended") return "Ended";
  return event.isApproved || world.nowMs >= event.notBeforeMs ? "Started" : "Scheduled";
}

/** How often each status has changed the document: at the event's begin, its start and its end. */
const CHANGES: Readonly<Record<EventStatus, number>> = { Scheduled: 1, Started: 2, Ended: 3 };

/** The document that a VM's metadata service answers: `DocumentIncarnation` moves with every change. */
export function eventsDocument(world: World, vm: VirtualMachine): JsonObject {
  const scope = scopeOf(vm);
  const visible = [...world.scheduledEvents.values()]
    .filter((event) => event.scope === scope)
    .map((event) => ({ event, status: statusOf(world, event) }));
  return {
    DocumentIncarnation: 1 + visible.reduce((sum, { status }) => sum + CHANGES[status], 0),
    Events: visible
      .filter(({ status }) => status !== "Ended")
      .map(({ event, status }) => ({
        EventId: event.id,
        EventStatus: status,
        EventType: event.type,
        ResourceType: "VirtualMachine",
        Resources: [event.vmName],
        NotBefore: status === "Started" ? "" : httpTime(event.notBeforeMs),
        Description: event.description,
        EventSource: event.source,
        DurationInSeconds: event.durationS,
      })),
  };
}
