import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { DataPlaneEffect, DataPlaneVm } from "../data-plane-port.ts";
import { diskSizeBytes } from "../disk/disk.ts";
import type { Operation, OperationOutcome } from "../pace/operation.ts";
import { happened, preemptOperation } from "../pace/operations.ts";
import { findDisk, findVm, putDisk, putVm, updateDisk, without, type World } from "../world.ts";
import { asAttached, checkAttach, owned, released, reserved, unreserved } from "./attachment-rules.ts";
import { newDisk } from "./new-disks.ts";
import { type DataDisk, etagText, type PowerState, type VirtualMachine } from "./virtual-machine.ts";

/** Whether the `If-Match` or `If-None-Match` of a write permits it. */
export function checkPreconditions(
  resource: Pick<VirtualMachine, "name" | "etag"> | undefined,
  call: { ifMatch: string | undefined; ifNoneMatch: string | undefined },
): ArmFailure | undefined {
  if (resource !== undefined && call.ifNoneMatch === "*") return armErrors.resourceExists(resource.name);
  if (call.ifMatch === undefined) return undefined;
  if (resource === undefined) return armErrors.preconditionFailed(call.ifMatch, "");
  return call.ifMatch === "*" || call.ifMatch === etagText(resource)
    ? undefined
    : armErrors.preconditionFailed(call.ifMatch, etagText(resource));
}

/** Whether an operation gives a VM a new OS disk. */
export function isReimage(operation: Operation | undefined): boolean {
  return /^VirtualMachine(ScaleSetVM)?s_Reimage(All)?$/.test(operation?.name ?? "");
}

/** How a new write is treated while another one runs on its VM. */
export type Admission = { readonly kind: "Admitted"; readonly preempts?: Operation } | ArmFailure;

/**
 * Admits a write to a VM. The service runs one write per VM at a time; a newer one is refused or, by
 * setting, preempts it. A forced detach always preempts, as it exists for the detach that hangs. Work that
 * the devices have already begun is never preempted.
 */
export function admitWrite(
  world: World,
  vm: VirtualMachine,
  write: { readonly name: string; readonly takesOver: boolean },
): Admission {
  if (vm.provisioningState === "Deleting") return armErrors.vmMarkedForDeletion(write.name, vm.name);
  const running = runningOperation(world, vm);
  if (running === undefined) return { kind: "Admitted" };
  const takesOver = write.takesOver || world.settings.concurrentVmWrite === "preempt";
  const mayGiveWay =
    isUpdate(running) || (isReimage(running) && world.settings.forcedDuringReimage === "breaks");
  if (takesOver && running.phase === "Running" && mayGiveWay && vm.power !== "creating")
    return { kind: "Admitted", preempts: running };
  if (isUpdate(running)) return armErrors.conflict();
  const power = POWER_AFTERWARDS[vm.power];
  return power === undefined
    ? armErrors.operationInProgress(write.name, vm.name)
    : armErrors.powerChanging(write.name, vm.name, power);
}

/** The power state that a running action leads to, as the refusal of other operations names it. */
const POWER_AFTERWARDS: Readonly<Partial<Record<PowerState, PowerState>>> = {
  starting: "running",
  stopping: "stopped",
  deallocating: "deallocated",
};

export function runningOperation(world: World, vm: VirtualMachine): Operation | undefined {
  return vm.operationId === undefined ? undefined : world.operations.get(vm.operationId);
}

/** The group of operations, in Azure's API description, to which those of this VM belong. */
export function providerOf(vm: Pick<VirtualMachine, "instance">): string {
  return vm.instance === undefined ? "VirtualMachines" : "VirtualMachineScaleSetVMs";
}

function isUpdate(operation: Operation): boolean {
  return [
    "VirtualMachines_CreateOrUpdate",
    "VirtualMachines_Update",
    "VirtualMachines_AttachDetachDataDisks",
    "VirtualMachineScaleSetVMs_Update",
    "VirtualMachineScaleSetVMs_AttachDetachDataDisks",
  ].includes(operation.name);
}

/** Ends the write that a newer one preempts. */
export function preempt(world: World, running: Operation | undefined, byForcedDetach: boolean): void {
  if (running === undefined) return;
  if (byForcedDetach) preemptOperation(world, running.id, armErrors.dataDisksForceDetached(), "Failed");
  else preemptOperation(world, running.id, armErrors.operationPreempted(), world.settings.preemptedStatus);
}

/** The VM at the begin of a write. */
export function begun(world: World, vm: VirtualMachine, etagMoves = true): VirtualMachine {
  const moves = etagMoves && world.settings.etagMovesAt !== "end";
  return { ...vm, etag: vm.etag + (moves ? 1 : 0) };
}

/**
 * Ends a write: the VM after `change`, free for the next write. Does nothing if the VM is gone or the write
 * was preempted. As recorded (az 2.83, February 2026), the end moves the ETag where it makes the VM or takes
 * a disk off: an attach, with a new disk too, and any other update move it only as they begin. An instance
 * of a uniform scale set keeps its first one (recorded in January 2026 by cloud-provider-azure). Inferred:
 * where a failed attach leaves no entry (`failedAttach: removed`), its end changes the list, and moves it.
 * Recorded, too: a VM that has been deallocated has an ETag three further than before; inferred: that the
 * latter two are its end's.
 */
export function endWrite(
  world: World,
  write: { vmId: string; vmGuid: string; etagMoves: boolean },
  change: (vm: VirtualMachine) => VirtualMachine,
): void {
  const vm = findVm(world, write.vmId);
  if (vm === undefined || vm.vmGuid !== write.vmGuid) return;
  const ended = change(vm);
  const etag = vm.etag + (write.etagMoves ? movesAtEnd(world, vm, ended) : 0);
  putVm(world, without({ ...ended, etag, settledAtMs: world.nowMs }, "operationId"));
}

/** How often the end of a write moves the VM's ETag. */
function movesAtEnd(world: World, vm: VirtualMachine, ended: VirtualMachine): number {
  const { etagMovesAt } = world.settings;
  if (etagMovesAt !== "recorded") return etagMovesAt === "end" ? 1 : 0;
  if (vm.instance === undefined && vm.power !== "deallocated" && ended.power === "deallocated") return 2;
  const isMade = vm.power === "creating" && vm.instance === undefined;
  return isMade || ended.dataDisks.length < vm.dataDisks.length ? 1 : 0;
}

/** Reserves the disks that are being attached, and stores the VM. */
export function putVmWithReservations(world: World, vm: VirtualMachine): VirtualMachine {
  for (const entry of vm.dataDisks) {
    if (entry.phase === "Attaching") updateDisk(world, entry.diskId, (disk) => reserved(world, disk, vm));
  }
  return putVm(world, vm);
}

/**
 * Entries whose attach failed, tried again where their disks can be attached; and why one of them can't
 * be.
 */
export function withFailedAttachesRetried(
  world: World,
  vm: VirtualMachine,
  entries: readonly DataDisk[],
): { readonly entries: readonly DataDisk[]; readonly refusal?: ArmFailure } {
  const failed = entries.filter((entry) => entry.phase === "AttachFailed");
  const refusals = new Map(failed.map((entry) => [entry.lun, checkAttach(world, vm, entry)]));
  const refusal = [...refusals.values()].find((refused) => refused !== undefined);
  return {
    entries: entries.map((entry) =>
      entry.phase === "AttachFailed" && refusals.get(entry.lun) === undefined
        ? { ...entry, phase: "Attaching" }
        : entry,
    ),
    ...(refusal === undefined ? {} : { refusal }),
  };
}

/** The device work for pending entries: first all detaches, then all attaches. */
export function dataDiskEffects(
  world: World,
  vmId: string,
  outcome: OperationOutcome,
): readonly DataPlaneEffect[] {
  const vm = findVm(world, vmId);
  if (vm === undefined) return [];
  const at = (entry: DataDisk): DataPlaneVm & { diskId: string; lun: number } => ({
    ...dataPlaneVm(vm),
    diskId: entry.diskId,
    lun: entry.lun,
  });
  const moving = vm.dataDisks.filter((entry) => happened(outcome, entry.diskId));
  const coming = moving.filter(
    (entry) =>
      entry.phase === "Attaching" &&
      (entry.makes !== undefined || findDisk(world, entry.diskId) !== undefined),
  );
  return [
    ...moving
      .filter((entry) => entry.phase === "Detaching")
      .map((entry) => ({ kind: "diskDetached" as const, ...at(entry) })),
    ...coming.flatMap(({ makes, diskId }) => {
      const disk = findDisk(world, diskId);
      const spec = makes ?? (disk?.hasNoBytes === true ? disk.spec : undefined);
      return spec === undefined
        ? []
        : [{ kind: "diskCreated" as const, diskId, sizeBytes: diskSizeBytes(spec.sizeGiB) }];
    }),
    ...coming.map((entry) => ({
      kind: "diskAttached" as const,
      ...at(entry),
      controllerType: vm.controllerType,
    })),
  ];
}

/**
 * The VM once its entries have been attached and detached, or failed to. The disks change at the same
 * moment.
 */
export function withDataDisksSettled(
  world: World,
  vm: VirtualMachine,
  outcome: OperationOutcome,
): VirtualMachine {
  return { ...vm, dataDisks: vm.dataDisks.flatMap((entry) => settled(world, vm, entry, outcome)) };
}

function settled(
  world: World,
  vm: VirtualMachine,
  entry: DataDisk,
  outcome: OperationOutcome,
): readonly DataDisk[] {
  const isDone = happened(outcome, entry.diskId);
  const { makes } = entry;
  if (makes !== undefined && entry.phase === "Attaching" && isDone) {
    const made = { uniqueId: world.random.guid(), createdAtMs: world.nowMs };
    const disk = putDisk(world, newDisk(vm, { ...entry, makes }, made));
    putDisk(world, owned(world, disk, vm));
    return [{ ...without(entry, "makes"), phase: "Attached" }];
  }
  if (entry.phase === "Attaching" && isDone && findDisk(world, entry.diskId) !== undefined) {
    updateDisk(world, entry.diskId, (disk) =>
      owned(world, without(asAttached(world, disk, entry), "hasNoBytes"), vm),
    );
    return [{ ...without(entry, "becomes"), phase: "Attached" }];
  }
  // A failed attach stays in the VM's goal state: listed, but the disk is free. So does one whose disk was
  // deleted on its way, which Azure calls a success (kubernetes#82714).
  const isKept = isDone || (outcome.error !== undefined && world.settings.failedAttach === "kept");
  if (entry.phase === "Attaching" && isKept) {
    updateDisk(world, entry.diskId, (disk) => unreserved(disk, vm));
    return [{ ...entry, phase: "AttachFailed" }];
  }
  if (entry.phase === "Attaching" || (entry.phase === "Detaching" && isDone)) {
    updateDisk(world, entry.diskId, (disk) =>
      entry.phase === "Attaching" ? unreserved(disk, vm) : released(world, disk, vm),
    );
    return [];
  }
  // A failed detach leaves its entry behind, marked, until a client tries again.
  return [entry.phase === "Detaching" ? { ...entry, phase: "DetachFailed" } : entry];
}

/** An entry with the name and id of its disk, which the VM shows in the case of the disk's creation. */
export function asDiskShows(world: World, entry: DataDisk): DataDisk {
  const disk = findDisk(world, entry.diskId);
  return disk === undefined ? entry : { ...entry, diskId: disk.id, name: disk.name };
}

export function dataPlaneVm(vm: VirtualMachine): DataPlaneVm {
  return { vmId: vm.id, vmName: vm.name };
}
