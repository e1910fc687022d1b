import { type ArmFailure, armErrors } from "./api/errors.ts";
import type { DataPlaneEffect } from "./data-plane-port.ts";
import { startOperation } from "./pace/operations.ts";
import { populate } from "./set-up.ts";
import { removalEffects } from "./vm/vm-delete.ts";
import type { World } from "./world.ts";

/**
 * Resets the world to its initial state: every disk and VM is removed, devices first. Fault rules become
 * the initial ones; the journal and the settings stay.
 */
export function resetWorld(world: World): ArmFailure | undefined {
  const running = [...world.running].map((id) => world.operations.get(id));
  if (running.some((operation) => operation?.phase === "Settling")) return armErrors.conflict();
  for (const id of world.running) world.operations.delete(id);
  world.running.clear();
  const effects: readonly DataPlaneEffect[] = [
    ...[...world.virtualMachines.values()].flatMap((vm) => removalEffects(world, vm)),
    ...[
      ...[...world.disks.values()].filter((disk) => disk.hasNoBytes !== true),
      ...world.snapshots.values(),
    ].map((disk) => ({ kind: "diskDeleted" as const, diskId: disk.id })),
  ];
  startOperation(world, {
    name: "reset",
    provider: "operations",
    subscriptionId: "",
    location: "",
    resourceId: "",
    delayMs: 0,
    internal: true,
    work: { effects: () => effects, end: () => beginAgain(world) },
  });
  return undefined;
}

function beginAgain(world: World): void {
  for (const map of [
    world.subscriptions,
    world.resourceGroups,
    world.virtualMachines,
    world.disks,
    world.snapshots,
    world.availabilitySets,
    world.scaleSets,
    world.scheduledEvents,
    world.listeners,
    world.linkedResources,
    world.operations,
    world.buckets,
    world.lastReads,
  ])
    map.clear();
  world.running.clear();
  world.faults.clear();
  populate(world);
}
