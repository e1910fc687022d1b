import { type ArmFailure, armErrors } from "../api/errors.ts";
import { booleanAt, type Json, type JsonObject, listAt, merged, sameJson, textAt } from "../api/json.ts";
import {
  checkAllocationChange,
  checkUltraChange,
  checkUnchangeable,
  controllerAfter,
  fixedProperties,
} from "../api/request/check-vm-change.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { statedMembers, statedTags } from "../api/resource/stated-members.ts";
import type { DiskControllerType } from "../data-plane-port.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, startOperation, writing } from "../pace/operations.ts";
import type { ModelSettings } from "../settings.ts";
import { checkCores } from "../subscription/quotas.ts";
import { checkSku } from "../subscription/restricted-skus.ts";
import { findDisk, forgetReads, putVm, without, type World } from "../world.ts";
import { checkAttach, checkFamily } from "./attachment-rules.ts";
import {
  type AttachDetachRequest,
  type DataDiskPlan,
  parseDataDisks,
  planAttachDetach,
  planReplacedList,
  planUnchangedList,
} from "./data-disks.ts";
import { withDiskNames } from "./new-disks.ts";
import { osDiskAfter, reserveOsDisk, withOsDiskSettled } from "./os-disk/os-disk.ts";
import { osDiskId } from "./os-disk/render-os-disk.ts";
import { type DataDisk, type DataDiskFacts, isLeaving, type VirtualMachine } from "./virtual-machine.ts";
import { machineOf, otherProperties, withOsProfile } from "./vm-create.ts";
import { findVmSize, type VmSize } from "./vm-sizes.ts";
import {
  admitWrite,
  asDiskShows,
  begun,
  dataDiskEffects,
  endWrite,
  isReimage,
  preempt,
  providerOf,
  putVmWithReservations,
  withDataDisksSettled,
  withFailedAttachesRetried,
} from "./vm-state.ts";

interface VmChange {
  readonly size: VmSize;
  readonly controllerType: DiskControllerType;
  readonly tags: VirtualMachine["tags"];
  readonly ultraSsdEnabled: boolean;
  readonly other: JsonObject;
  readonly members: JsonObject;
  readonly dataDisks: readonly DataDisk[];
  /** The values of `etagMovedBy` for which it moves the ETag even without a change. */
  readonly moves: readonly ModelSettings["etagMovedBy"][];
}

export type VmUpdate =
  | { readonly kind: "Started"; readonly vm: VirtualMachine; readonly operation: Operation }
  | ArmFailure;

/**
 * PUT of an existing VM, or PATCH. What the body does not mention stays; a data-disk list replaces the
 * previous one.
 */
export function updateVm(
  world: World,
  vm: VirtualMachine,
  body: Json | undefined,
  name: "VirtualMachines_CreateOrUpdate" | "VirtualMachines_Update" | "VirtualMachineScaleSetVMs_Update",
): VmUpdate {
  const refused =
    checkUnchangeable(vm, body) ?? checkUltraChange(vm, body) ?? checkAllocationChange(vm, body);
  if (refused !== undefined) return refused;
  const size = sizeIn(vm, body);
  if ("kind" in size) return size;
  const controllerType = controllerAfter(vm, size, body);
  if (typeof controllerType !== "string") return controllerType;
  const added = vm.power === "deallocated" ? 0 : size.vcpus - vm.size.vcpus;
  const restricted =
    size.name === vm.size.name ? undefined : (checkSku(world, size.name, vm) ?? checkCores(world, vm, added));
  if (restricted !== undefined) return restricted;
  const list = listAt(body, "properties", "storageProfile", "dataDisks");
  const plan: DataDiskPlan =
    list === undefined
      ? { kind: "Plan", entries: planUnchangedList(vm) }
      : planReplacedList(world, { ...vm, size }, withDiskNames(world, vm, parseDataDisks(list)));
  if (plan.kind === "Failure") return plan;
  const ultraSsdEnabled =
    booleanAt(body, "properties", "additionalCapabilities", "ultraSSDEnabled") ?? vm.ultraSsdEnabled;
  if (size.name !== vm.size.name || ultraSsdEnabled !== vm.ultraSsdEnabled) {
    const unsuited = checkStaying(world, { ...vm, size, ultraSsdEnabled }, plan.entries);
    if (unsuited !== undefined) return unsuited;
  }
  const updated = propertiesAfter(world, vm, body);
  if (interfacesIn(vm.other).length > 0 && interfacesIn(updated).length === 0)
    return armErrors.noInterfaceLeft(vm.name);
  const after = osDiskAfter(world, vm, body, updated);
  if (after.kind === "Failure") return after;
  return startUpdate(world, vm, name, {
    size,
    controllerType,
    tags: statedTags(body, vm.tags),
    ultraSsdEnabled,
    other: after.other,
    members: statedMembers(world, body, {
      members: vm.members,
      kind: name === "VirtualMachines_Update" ? "PATCH" : "PUT",
    }),
    dataDisks: plan.entries,
    moves: list === undefined ? ["update"] : ["update", "dataDisks"],
  });
}

/** A VM of the emulator may have none from its creation on: there is no network here. */
function interfacesIn(properties: JsonObject): readonly Json[] {
  return listAt(properties, "networkProfile", "networkInterfaces") ?? [];
}

/** Most writes state data disks only, and nothing of these. */
function propertiesAfter(world: World, vm: VirtualMachine, body: Json | undefined): JsonObject {
  const stated = otherProperties(body);
  if (Object.keys(stated).length === 0) return vm.other;
  const changed = merged(merged(vm.other, stated), fixedProperties(vm, body));
  return withOsProfile(world, changed, machineOf(vm));
}

export function attachDetachDataDisks(
  world: World,
  vm: VirtualMachine,
  request: AttachDetachRequest,
): VmUpdate {
  const plan = planAttachDetach(world, vm, request);
  if (plan.kind === "Failure") return plan;
  return startUpdate(world, vm, `${providerOf(vm)}_AttachDetachDataDisks`, {
    size: vm.size,
    controllerType: vm.controllerType,
    tags: vm.tags,
    ultraSsdEnabled: vm.ultraSsdEnabled,
    other: vm.other,
    members: vm.members,
    dataDisks: plan.entries,
    moves: ["update", "dataDisks"],
  });
}

function movesDisks(vm: VirtualMachine, { dataDisks }: Pick<VmChange, "dataDisks">): boolean {
  const phases = new Map(vm.dataDisks.map(({ diskId, phase }) => [keyOf(diskId), phase]));
  const isMoved = ({ diskId, phase }: DataDisk): boolean => phases.get(keyOf(diskId)) !== phase;
  return dataDisks.length !== vm.dataDisks.length || dataDisks.some(isMoved);
}

function startUpdate(world: World, vm: VirtualMachine, name: string, change: VmChange): VmUpdate {
  const forced = change.dataDisks.some(
    (entry) => entry.phase === "Detaching" && entry.forced && !wasForced(vm, entry),
  );
  const admission = admitWrite(world, vm, { name, takesOver: forced });
  if (admission.kind === "Failure") return admission;
  if (vm.hibernated && movesDisks(vm, change)) return armErrors.hibernatedDisks(vm.name);
  const known = new Set(vm.dataDisks.filter((entry) => !isLeaving(entry)).map(({ diskId }) => keyOf(diskId)));
  for (const entry of change.dataDisks) {
    if (entry.phase !== "Attaching" || known.has(keyOf(entry.diskId))) continue;
    const refused = checkAttach(world, { ...vm, ...change }, entry);
    if (refused !== undefined) return refused;
  }
  preempt(world, admission.preempts, forced);

  const { moves, ...stated } = change;
  const etagMoves = moves.includes(world.settings.etagMovedBy) || changesAnything(vm, change);
  const retried = withFailedAttachesRetried(world, { ...vm, ...change }, change.dataDisks);
  const isUntold =
    name === "VirtualMachines_Update" &&
    hasNothingToDo(vm, { ...change, dataDisks: retried.entries }, retried.refusal);
  const dataDisks = retried.entries.map((entry) => asDiskShows(world, entry));
  // An interrupted reimage leaves a VM without its set-up.
  const left = isReimage(admission.preempts) ? { ...vm, guestResponsive: false, agentReachable: false } : vm;
  const changed = {
    ...begun(world, left, etagMoves),
    ...stated,
    dataDisks,
    provisioningState: "Updating",
  } as const;
  const begunVm = putVmWithReservations(world, changed);
  reserveOsDisk(world, begunVm);
  // Its caller waits for no end: its next read is current, as after an operation of its own.
  if (isUntold && world.caller !== undefined) forgetReads(world, world.caller, vm.id);
  const operation = startUpdateOperation(world, begunVm, {
    name,
    isUntold,
    etagMoves,
    refusal: retried.refusal,
    formerOsDiskId: osDiskId(vm),
  });
  return { kind: "Started", vm: putVm(world, { ...begunVm, operationId: operation.id }), operation };
}

function startUpdateOperation(
  world: World,
  vm: VirtualMachine,
  update: {
    readonly name: string;
    readonly isUntold: boolean;
    readonly etagMoves: boolean;
    readonly refusal: ArmFailure | undefined;
    readonly formerOsDiskId: string | undefined;
  },
): Operation {
  const { name, isUntold, etagMoves, refusal, formerOsDiskId } = update;
  const write = { vmId: vm.id, vmGuid: vm.vmGuid, etagMoves };
  return startOperation(world, {
    name,
    provider: "operations",
    ...writing(vm),
    delayMs: isUntold ? delayMs(world, "vmUnchanged") : updateDelayMs(world, vm),
    ...(isUntold ? { isUntold } : {}),
    diskIds: vm.dataDisks.filter((entry) => entry.phase !== "Attached").map((entry) => entry.diskId),
    ...(refusal === undefined ? {} : { refusal }),
    work: {
      effects: (outcome) => dataDiskEffects(world, vm.id, outcome),
      end: (outcome) =>
        endWrite(world, write, (now) => ({
          ...withDataDisksSettled(world, withOsDiskSettled(world, now, formerOsDiskId), outcome),
          provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
        })),
      // Recorded: its status has no output.
    },
  });
}

/** One update takes about as long as its slowest part, plus a little for every disk. */
function updateDelayMs(world: World, vm: VirtualMachine): number {
  const attaching = vm.dataDisks.filter((entry) => entry.phase === "Attaching").length;
  const detaching = vm.dataDisks.filter((entry) => entry.phase === "Detaching" && !entry.forced).length;
  const forced = vm.dataDisks.filter((entry) => entry.phase === "Detaching" && entry.forced).length;
  const hostBusy = vm.power === "running";
  if (!hostBusy || attaching + detaching + forced === 0)
    return delayMs(world, "vmUpdate", attaching + detaching + forced);
  // Without the guest a regular detach does not end; the forced one exists for that.
  if (detaching > 0 && !vm.guestResponsive) return Infinity;
  return Math.max(
    attaching > 0 ? delayMs(world, "attach", attaching) : 0,
    detaching > 0 ? delayMs(world, "detach", detaching) : 0,
    forced > 0 ? delayMs(world, "forceDetach", forced) : 0,
  );
}

/** Why a VM of another size, or with other capabilities, can't keep its disks. */
function checkStaying(
  world: World,
  vm: VirtualMachine,
  entries: readonly DataDisk[],
): ArmFailure | undefined {
  const staying = entries.filter((entry) => !isLeaving(entry));
  if (staying.length > vm.size.dataDisksMax) return armErrors.tooManyDataDisks(vm.size.dataDisksMax);
  return staying
    .map(({ name, diskId, makes }) => {
      const spec = makes ?? findDisk(world, diskId)?.spec;
      return spec === undefined ? undefined : checkFamily(vm, { name, spec });
    })
    .find((refused) => refused !== undefined);
}

function sizeIn(vm: VirtualMachine, body: Json | undefined): VmSize | ArmFailure {
  const name = textAt(body, "properties", "hardwareProfile", "vmSize");
  return name === undefined ? vm.size : (findVmSize(name) ?? armErrors.invalidVmSize(name));
}

/**
 * Whether a PATCH gives Azure nothing to do: it changes nothing, or only tags. Recorded of such PATCHes, and
 * only of these: 200 without `Azure-AsyncOperation` and `Location`, `Updating` in the body, and `Succeeded`
 * in a GET of the same second.
 * - Tags: Azure/azure-sdk-for-go, armcompute's recording TestVirtualMachinesClient_BeginUpdate.json (2022),
 *   and Azure/azure-sdk-for-ruby, issue 2795 (2020).
 * - A network profile that the VM has: Azure/azure-sdk-for-python, azure-mgmt-compute's recording
 *   test_mgmt_compute_vm … test_compute_vm.json (2022).
 * - `dataDisks: []` of a VM without data disks: Azure/azure-sdk-for-python, issue 14111 (2020).
 *
 * Azure/azure-libraries-for-net has an operation for whole VMs that a PATCH restates (CanEncrypt.json, 2019:
 * of 0.14 s), and for another identity (CanUpdateEMSIAndLMSI.json, 2019; by a PUT Azure/azure-cli,
 * test_vm_generic_update.yaml, 2022). PUTs, also of instances, were seen with changes only, and with an
 * operation. Inferred: a list that restates its disks, or takes off one that is not there, is as an empty
 * one; each PUT has an operation; and so has every PATCH of a VM whose last write did not succeed, since it
 * tries again what has failed.
 */
function hasNothingToDo(vm: VirtualMachine, change: VmChange, refusal: ArmFailure | undefined): boolean {
  return vm.provisioningState === "Succeeded" && refusal === undefined && !changesMoreThanTags(vm, change);
}

function changesAnything(vm: VirtualMachine, change: VmChange): boolean {
  return !sameJson({ ...change.tags }, { ...vm.tags }) || changesMoreThanTags(vm, change);
}

function changesMoreThanTags(vm: VirtualMachine, change: VmChange): boolean {
  return !(
    change.size.name === vm.size.name &&
    change.controllerType === vm.controllerType &&
    change.ultraSsdEnabled === vm.ultraSsdEnabled &&
    sameJson(change.other, vm.other) &&
    sameJson(change.members, vm.members) &&
    sameJson(change.dataDisks.map(asJson), vm.dataDisks.map(asJson))
  );
}

function asJson(entry: DataDisk): Json {
  const writeAcceleratorEnabled = entry.writeAcceleratorEnabled ?? false;
  return { ...without(entry, "makes"), writeAcceleratorEnabled, isNew: entry.makes !== undefined };
}

function wasForced(vm: VirtualMachine, entry: DataDisk): boolean {
  return vm.dataDisks.some(
    (before) => before.lun === entry.lun && before.phase === "Detaching" && before.forced,
  );
}

/** The properties of a disk that a VM's list shows. */
export function diskFacts(world: World, diskId: string): DataDiskFacts | undefined {
  const spec = findDisk(world, diskId)?.spec;
  return spec === undefined
    ? undefined
    : {
        sizeGiB: spec.sizeGiB,
        storageAccountType: spec.sku.name,
        ...(spec.performance === undefined ? {} : { performance: spec.performance }),
      };
}
