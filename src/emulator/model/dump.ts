import { renderAvailabilitySet } from "./availability-set-handlers.ts";
import { diskState } from "./disk-read.ts";
import { renderDisk } from "./disk.ts";
import { renderInstanceView } from "./instance-view.ts";
import type { JsonObject } from "./json.ts";
import type { Operation } from "./operation.ts";
import { renderSnapshot } from "./snapshot.ts";
import { renderVirtualMachine } from "./virtual-machine.ts";
import { diskFacts } from "./vm-update.ts";
import type { World } from "./world.ts";

/** Everything at once, as ARM would show it, with what it would not show: what is on its way, and how it will end. */
export function dumpWorld(world: World): JsonObject {
  return {
    nowMs: world.nowMs,
    resourceGroups: [...world.resourceGroups.values()].map((group) => ({ ...group })),
    virtualMachines: [...world.virtualMachines.values()].map((vm) => ({
      ...renderVirtualMachine(vm, (id) => diskFacts(world, id), renderInstanceView(vm, world.nowMs)),
      emulator: { power: vm.power, guestResponsive: vm.guestResponsive, agentReachable: vm.agentReachable, operationId: vm.operationId },
    })),
    disks: [...world.disks.values()].map((disk) => ({
      ...renderDisk(disk, { state: diskState(world, disk) }),
      emulator: { reservedFor: disk.reservations.map((reservation) => reservation.vmId), operationId: disk.operationId },
    })),
    snapshots: [...world.snapshots.values()].map((snapshot) => renderSnapshot(snapshot, world.nowMs)),
    availabilitySets: [...world.availabilitySets.values()].map((set) => renderAvailabilitySet(world, set)),
    operations: [...world.operations.values()].filter((operation) => operation.internal !== true).map(dumpOperation),
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
