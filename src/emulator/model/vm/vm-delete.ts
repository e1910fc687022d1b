import { type ArmFailure, armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import { keyOf, sameId } from "../api/resource/resource-id.ts";
import type { DataPlaneEffect } from "../data-plane-port.ts";
import { deleteDisk, deleteDiskWithVm } from "../disk/disk-delete.ts";
import { RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, joinOperation, preemptOperation, startOperation, writing } from "../pace/operations.ts";
import { raiseEvent, terminateNoticeMs } from "../scheduled-events/raise-event.ts";
import { findDisk, putVm, updateDisk, type World } from "../world.ts";
import { released } from "./attachment-rules.ts";
import { osDiskId } from "./os-disk/render-os-disk.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import { begun, dataPlaneVm, endWrite, providerOf, runningOperation } from "./vm-state.ts";

/**
 * DELETE of a VM, which preempts every other operation on it, and waits for the guest where its model says
 * so. Its data disks stay, except those of
 * `deleteOption: Delete`, and name it for a while after it is gone.
 */
export function deleteVm(
  world: World,
  vm: VirtualMachine,
  { isAnnounced = false }: { readonly isAnnounced?: boolean } = {},
): { readonly kind: "Started"; readonly operation: Operation } | ArmFailure {
  const running = runningOperation(world, vm);
  if (vm.provisioningState === "Deleting" && running !== undefined)
    return { kind: "Started", operation: joinOperation(world, running) };
  const refused = preemptAllOf(world, [vm]);
  if (refused !== undefined) return refused;
  const workMs = delayMs(world, "vmDelete");
  const waitMs = isAnnounced ? 0 : terminateNoticeMs(world, vm);
  const operation = startOperation(world, {
    name: `${providerOf(vm)}_Delete`,
    provider: "operations",
    ...writing(vm),
    delayMs: waitMs + workMs,
    retryAfter: RETRY_AFTER.vmDeletion,
    work: {
      effects: (outcome) => (outcome.undone === "all" ? [] : removalEffects(world, vm)),
      end: (outcome) => {
        if (outcome.undone === "all") {
          endWrite(world, { vmId: vm.id, vmGuid: vm.vmGuid, etagMoves: true }, (now) => ({
            ...now,
            provisioningState: "Failed",
          }));
          return;
        }
        removeVm(world, vm);
      },
    },
  });
  announceDeletion(world, vm, { operationId: operation.id, noticeMs: waitMs, workMs });
  putVm(world, { ...begun(world, vm), provisioningState: "Deleting", operationId: operation.id });
  return { kind: "Started", operation };
}

/** Raises the event of a deletion that waits for the guest. */
export function announceDeletion(
  world: World,
  vm: VirtualMachine,
  deletion: { readonly operationId: string; readonly noticeMs: number; readonly workMs: number },
): void {
  if (deletion.noticeMs > 0)
    raiseEvent(world, vm, {
      type: "Terminate",
      source: "User",
      description: "Virtual machine is going to be deleted as requested by authorized user.",
      ...deletion,
    });
}

/** The device work for a deleted VM: power first, so that no write can happen between two disks. */
export function removalEffects(world: World, vm: VirtualMachine): readonly DataPlaneEffect[] {
  return [
    { kind: "vmStopped", ...dataPlaneVm(vm) },
    ...disksOf(world, vm).map(({ diskId, lun }) => ({
      kind: "diskDetached" as const,
      ...dataPlaneVm(vm),
      diskId,
      lun,
    })),
  ];
}

/**
 * Ends the operations that run on VMs which are to be deleted; a refusal if devices are at work for one, or
 * if it is their scale set's, which concerns other instances too.
 */
export function preemptAllOf(world: World, vms: readonly VirtualMachine[]): ArmFailure | undefined {
  const running = new Set(
    vms.map((vm) => runningOperation(world, vm)).filter((found) => found !== undefined),
  );
  const isOwn = (operation: Operation): boolean => vms.some((vm) => sameId(vm.id, operation.resourceId));
  if ([...running].some((operation) => operation.phase === "Settling" || !isOwn(operation)))
    return armErrors.conflict();
  for (const { id } of running)
    preemptOperation(world, id, armErrors.operationPreempted(), world.settings.preemptedStatus);
  return undefined;
}

/** Removes a deleted VM. Its disks name it for a while longer. */
export function removeVm(world: World, vm: VirtualMachine): void {
  const last = world.virtualMachines.get(keyOf(vm.id)) ?? vm;
  if (last.vmGuid === vm.vmGuid) world.virtualMachines.delete(keyOf(vm.id));
  releaseLater(world, last);
}

function disksOf(world: World, vm: VirtualMachine): readonly { diskId: string; lun: number }[] {
  const now = world.virtualMachines.get(keyOf(vm.id)) ?? vm;
  return now.dataDisks.map((entry) => ({
    diskId: findDisk(world, entry.diskId)?.id ?? entry.diskId,
    lun: entry.lun,
  }));
}

/** `managedBy` lags behind the deletion of the VM; some clients wait for it. */
function releaseLater(world: World, vm: VirtualMachine): void {
  startOperation(world, {
    name: "ownershipRelease",
    provider: "operations",
    ...writing(vm),
    delayMs: delayMs(world, "ownershipRelease"),
    internal: true,
    work: {
      end: () => {
        const osDisk = findDisk(world, osDiskId(vm) ?? "");
        const hadOsDisk = osDisk?.owners.some((owner) => owner.vmGuid === vm.vmGuid) === true;
        releaseAll(world, vm);
        deleteWithVm(world, vm);
        const freed = hadOsDisk && isOsDiskDeletedWithVm(vm) ? findDisk(world, osDisk.id) : undefined;
        if (freed !== undefined) deleteDiskWithVm(world, freed);
      },
    },
  });
}

/** A disk that another VM also has stays. */
function deleteWithVm(world: World, vm: VirtualMachine): void {
  for (const entry of vm.dataDisks) {
    const disk = findDisk(world, entry.diskId);
    // A disk that was never made may have left its name to another client's.
    if (entry.deleteOption.toLowerCase() === "delete" && entry.makes === undefined && disk !== undefined)
      deleteDisk(world, disk);
  }
}

/** Azure's description: the disk of a uniform scale set's instance goes with it, whatever its model says. */
function isOsDiskDeletedWithVm({ instance, other }: VirtualMachine): boolean {
  if (instance !== undefined) return true;
  return textAt(other, "storageProfile", "osDisk", "deleteOption")?.toLowerCase() === "delete";
}

/** Removes the VM from every disk. */
function releaseAll(world: World, vm: VirtualMachine): void {
  for (const disk of world.disks.values()) {
    const claims = [...disk.owners, ...disk.reservations];
    if (claims.some((owner) => owner.vmGuid === vm.vmGuid))
      updateDisk(world, disk.id, (now) => released(world, now, vm));
  }
}
