import { renderAvailabilitySet } from "./api/availability-set-handlers.ts";
import type { JsonObject } from "./api/json.ts";
import { diskState } from "./disk/disk-read.ts";
import { renderDisk } from "./disk/disk.ts";
import { renderSnapshot } from "./disk/snapshot/snapshot.ts";
import { renderLinkedResource } from "./linked/linked-resource.ts";
import type { Operation } from "./pace/operation.ts";
import { instancesOf } from "./scale-set/instances.ts";
import { renderScaleSet } from "./scale-set/scale-set.ts";
import { statusOf } from "./scheduled-events/events-document.ts";
import { renderInstanceView } from "./vm/instance-view.ts";
import { renderVirtualMachine } from "./vm/virtual-machine.ts";
import { diskFacts } from "./vm/vm-update.ts";
import type { World } from "./world.ts";

/** The whole state as ARM would show it, and what it would not show: pending work, and how it will end. */
export function dumpWorld(world: World): JsonObject {
  return {
    nowMs: world.nowMs,
    resourceGroups: [...world.resourceGroups.values()].map((group) => ({ ...group })),
    virtualMachines: [...world.virtualMachines.values()].map((vm) => ({
      ...renderVirtualMachine(vm, (id) => diskFacts(world, id), {
        instanceView: renderInstanceView(world, vm),
      }),
      emulator: {
        power: vm.power,
        guestResponsive: vm.guestResponsive,
        agentReachable: vm.agentReachable,
        operationId: vm.operationId,
      },
    })),
    disks: [...world.disks.values()].map((disk) => ({
      ...renderDisk(disk, { state: diskState(world, disk) }),
      emulator: {
        reservedFor: disk.reservations.map((reservation) => reservation.vmId),
        operationId: disk.operationId,
      },
    })),
    snapshots: [...world.snapshots.values()].map((snapshot) => renderSnapshot(snapshot, world.nowMs)),
    scaleSets: [...world.scaleSets.values()].map((set) =>
      renderScaleSet(set, { capacity: instancesOf(world, set).length, userData: true }),
    ),
    scheduledEvents: [...world.scheduledEvents.values()].map((event) => ({
      ...event,
      status: statusOf(world, event),
    })),
    linkedResources: [...world.linkedResources.values()].map(renderLinkedResource),
    availabilitySets: [...world.availabilitySets.values()].map((set) => renderAvailabilitySet(world, set)),
    operations: [...world.operations.values()]
      .filter((operation) => operation.internal !== true)
      .map(dumpOperation),
  };
}

function dumpOperation(operation: Operation): JsonObject {
  return {
    id: operation.id,
    name: operation.name,
    resourceId: operation.resourceId,
    status: operation.status,
    phase: operation.phase,
    startedAtMs: operation.startedAtMs,
    // JSON has no infinity: an operation that never ends has no due time.
    ...(operation.dueAtMs === Infinity ? {} : { dueAtMs: operation.dueAtMs }),
    ...(operation.endedAtMs === undefined ? {} : { endedAtMs: operation.endedAtMs }),
    ...(operation.error === undefined ? {} : { errorCode: operation.error.code }),
    ending: operation.ending.kind,
  };
}
