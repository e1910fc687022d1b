import { type ArmFailure, armErrors } from "../api/errors.ts";
import { booleanAt, type Json, objectAt, textAt } from "../api/json.ts";
import { durationMs } from "../api/resource/iso-duration.ts";
import { continueOperation, rescheduleOperation, startOperation, writing } from "../pace/operations.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { World } from "../world.ts";
import { scopeOf, statusOf } from "./events-document.ts";
import type { EventType, ScheduledEvent } from "./scheduled-event.ts";

const MINUTE_MS = 60_000;
/** A VM whose guest has not asked for events this long gets none. */
const LISTENS_FOR_MS = 24 * 60 * MINUTE_MS;

/** Azure's least notices. */
export const NOTICE_MS: Readonly<Record<Exclude<EventType, "Terminate">, number>> = {
  Freeze: 15 * MINUTE_MS,
  Reboot: 15 * MINUTE_MS,
  Redeploy: 10 * MINUTE_MS,
  Preempt: 30_000,
};

const TERMINATE_PROFILE = ["scheduledEventsProfile", "terminateNotificationProfile"] as const;
const TERMINATE_NOTICE_DEFAULT = "PT5M";
const TERMINATE_NOTICE_MIN_MS = 5 * MINUTE_MS;
const TERMINATE_NOTICE_MAX_MS = 15 * MINUTE_MS;
const DURATION_UNKNOWN_S = -1;

/** Begins an event of a VM, and returns it. */
export function raiseEvent(
  world: World,
  vm: VirtualMachine,
  event: Pick<ScheduledEvent, "type" | "source" | "description" | "operationId" | "workMs"> & {
    readonly noticeMs: number;
    /** Default: not known. */
    readonly durationS?: number;
  },
): ScheduledEvent {
  const { noticeMs, durationS = DURATION_UNKNOWN_S, ...rest } = event;
  const raised: ScheduledEvent = {
    ...rest,
    id: world.random.guid().toUpperCase(),
    durationS,
    scope: scopeOf(vm),
    vmName: vm.name,
    notBeforeMs: world.nowMs + noticeMs,
    isApproved: false,
  };
  world.scheduledEvents.set(raised.id, raised);
  return raised;
}

/**
 * Announces what will be done to a VM, and begins it once it is approved or its time has come: until then,
 * clients write to the VM as before. What begins is given the function that ends the event.
 */
export function announce(
  world: World,
  vm: VirtualMachine,
  event: Omit<Parameters<typeof raiseEvent>[2], "operationId" | "workMs">,
  begin: (end: (afterMs?: number) => void) => void,
): ScheduledEvent {
  const waiting = startOperation(world, {
    name: `announced${event.type}`,
    provider: "operations",
    ...writing(vm),
    delayMs: event.noticeMs,
    internal: true,
    work: {
      end: () => {
        continueOperation(world, waiting.id);
        begin((afterMs = 0) => rescheduleOperation(world, waiting.id, afterMs));
      },
    },
  });
  return raiseEvent(world, vm, { ...event, operationId: waiting.id, workMs: 0 });
}

/**
 * How long what a client does to a VM waits for its guest, in milliseconds. Guests that never ask for events
 * wait for nothing.
 */
export function noticeMs(world: World, vm: VirtualMachine, type: "Reboot" | "Redeploy"): number {
  const askedAtMs = world.listeners.get(vm.vmGuid);
  const { timeScale } = world.settings;
  return askedAtMs !== undefined && world.nowMs - askedAtMs <= LISTENS_FOR_MS * timeScale
    ? NOTICE_MS[type] * timeScale
    : 0;
}

/** How long a VM's deletion waits: what its `terminateNotificationProfile` says, in milliseconds. */
export function terminateNoticeMs(world: World, vm: VirtualMachine): number {
  const profile = objectAt(vm.other, ...TERMINATE_PROFILE);
  if (booleanAt(profile, "enable") !== true) return 0;
  const timeout = textAt(profile, "notBeforeTimeout") ?? TERMINATE_NOTICE_DEFAULT;
  return (durationMs(timeout) ?? 0) * world.settings.timeScale;
}

/** Why a model's `terminateNotificationProfile` is refused: Azure waits 5 to 15 minutes. */
export function checkTerminateNotice(model: Json | undefined): ArmFailure | undefined {
  const timeout = textAt(model, ...TERMINATE_PROFILE, "notBeforeTimeout");
  if (timeout === undefined) return undefined;
  const waitMs = durationMs(timeout);
  return waitMs !== undefined && waitMs >= TERMINATE_NOTICE_MIN_MS && waitMs <= TERMINATE_NOTICE_MAX_MS
    ? undefined
    : armErrors.invalidParameter(
        "terminateNotificationProfile.notBeforeTimeout",
        `The value '${timeout}' of parameter 'terminateNotificationProfile.notBeforeTimeout' is not a ` +
          "duration from PT5M to PT15M.",
      );
}

/** Approves an event. Its operation begins once all its events have started. */
export function approveEvent(world: World, event: ScheduledEvent): void {
  if (statusOf(world, event) !== "Scheduled") return;
  world.scheduledEvents.set(event.id, { ...event, isApproved: true });
  const others = [...world.scheduledEvents.values()].filter(
    ({ operationId }) => operationId === event.operationId,
  );
  if (others.every((other) => statusOf(world, other) === "Started"))
    rescheduleOperation(world, event.operationId, event.workMs);
}
