import { textAt } from "../api/json.ts";
import { continueOperation, rescheduleOperation, startOperation, whenEnded } from "../pace/operations.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { deleteVm } from "../vm/vm-delete.ts";
import { changePower, type PowerAction } from "../vm/vm-power.ts";
import { runningOperation } from "../vm/vm-state.ts";
import { findVm, type World } from "../world.ts";
import { raiseEvent } from "./raise-event.ts";
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
  const maintenance = startOperation(world, {
    name: `platform${type}`,
    provider: "operations",
    subscriptionId: vm.subscriptionId,
    location: vm.location,
    resourceId: vm.id,
    delayMs: noticeMs,
    internal: true,
    work: {
      effects: () => [],
      end: () => {
        continueOperation(world, maintenance.id);
        maintain(world, { vm, type, maintenanceId: maintenance.id });
      },
    },
  });
  return raiseEvent(world, vm, {
    type,
    source: "Platform",
    description: DESCRIPTIONS[type],
    operationId: maintenance.id,
    noticeMs,
    workMs: 0,
    ...(type === "Freeze" ? { durationS: FREEZE_S } : {}),
  });
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
  readonly maintenanceId: string;
}

/** Does it once nothing else is under way on the VM, and ends the event with it. */
function maintain(world: World, maintenance: Maintenance): void {
  const { vm, type, maintenanceId } = maintenance;
  const now = findVm(world, vm.id);
  if (now?.vmGuid !== vm.vmGuid) return rescheduleOperation(world, maintenanceId, 0);
  const running = runningOperation(world, now);
  if (running !== undefined) return whenEnded(world, running.id, () => maintain(world, maintenance));
  if (type === "Freeze")
    return rescheduleOperation(world, maintenanceId, FREEZE_S * 1000 * world.settings.timeScale);
  const begun =
    type === "Preempt" && textAt(now.other, "evictionPolicy") === "Delete"
      ? deleteVm(world, now, { isAnnounced: true })
      : changePower(world, now, ACTIONS[type], { forced: false, hibernate: false, isAnnounced: true });
  if (begun.kind === "Failure") return rescheduleOperation(world, maintenanceId, 0);
  whenEnded(world, begun.operation.id, () => rescheduleOperation(world, maintenanceId, 0));
}

const ACTIONS: Readonly<Record<Exclude<PlatformEvent, "Freeze">, PowerAction>> = {
  Reboot: "restart",
  Redeploy: "redeploy",
  Preempt: "deallocate",
};
