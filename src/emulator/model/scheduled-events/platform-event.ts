import { textAt } from "../api/json.ts";
import { whenEnded } from "../pace/operations.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { deleteVm } from "../vm/vm-delete.ts";
import { changePower, type PowerAction } from "../vm/vm-power.ts";
import { runningOperation } from "../vm/vm-state.ts";
import { findVm, type World } from "../world.ts";
import { announce } from "./raise-event.ts";
import type { EventType, ScheduledEvent } from "./scheduled-event.ts";

/** What the platform does to VMs by itself. It deletes none but a preempted one. */
export const PLATFORM_EVENTS = ["Freeze", "Reboot", "Redeploy", "Preempt"] as const satisfies EventType[];
type PlatformEvent = (typeof PLATFORM_EVENTS)[number];

/** How long a frozen VM pauses. */
const FREEZE_S = 9;

/**
 * Schedules maintenance of a VM: until it begins, clients write to the VM as before, and it waits for a
 * write that is under way then.
 */
export function schedulePlatformEvent(
  world: World,
  vm: VirtualMachine,
  { type, noticeMs }: { readonly type: PlatformEvent; readonly noticeMs: number },
): ScheduledEvent {
  const announced = { type, source: "Platform", description: DESCRIPTIONS[type], noticeMs } as const;
  const durationS = type === "Freeze" ? { durationS: FREEZE_S } : {};
  return announce(world, vm, { ...announced, ...durationS }, (end) => maintain(world, { vm, type, end }));
}

const DESCRIPTIONS: Readonly<Record<PlatformEvent, string>> = {
  Freeze: "Virtual machine is being paused because of a memory-preserving Live Migration operation.",
  Reboot: "Virtual machine is going to be restarted because of planned maintenance of its host.",
  Redeploy: "Virtual machine is going to be moved to another host because its hardware is degraded.",
  Preempt: "Virtual machine is going to be evicted because its capacity is needed.",
};

interface Maintenance {
  readonly vm: VirtualMachine;
  readonly type: PlatformEvent;
  /** Ends its event, after this many milliseconds. */
  readonly end: (afterMs?: number) => void;
}

/** Does it once nothing else is under way on the VM, and ends the event with it. */
function maintain(world: World, maintenance: Maintenance): void {
  const { vm, type, end } = maintenance;
  const now = findVm(world, vm.id);
  if (now?.vmGuid !== vm.vmGuid) return end();
  const running = runningOperation(world, now);
  if (running !== undefined) return whenEnded(world, running.id, () => maintain(world, maintenance));
  if (type === "Freeze") return end(FREEZE_S * 1000 * world.settings.timeScale);
  const begun =
    type === "Preempt" && textAt(now.other, "evictionPolicy") === "Delete"
      ? deleteVm(world, now, { isAnnounced: true })
      : changePower(world, now, ACTIONS[type], { forced: false, hibernate: false, isAnnounced: true });
  if (begun.kind === "Failure") return end();
  whenEnded(world, begun.operation.id, () => end());
}

const ACTIONS: Readonly<Record<Exclude<PlatformEvent, "Freeze">, PowerAction>> = {
  Reboot: "restart",
  Redeploy: "redeploy",
  Preempt: "deallocate",
};
