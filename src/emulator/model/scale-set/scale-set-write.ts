import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type JsonObject, sameJson, textAt } from "../api/json.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import { RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, startOperation, writing } from "../pace/operations.ts";
import { terminateNoticeMs } from "../scheduled-events/raise-event.ts";
import { checkQuota, checkVmQuotas } from "../subscription/quotas.ts";
import { checkSku } from "../subscription/restricted-skus.ts";
import { withOsDiskSettled } from "../vm/os-disk/os-disk.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { newVm } from "../vm/vm-create.ts";
import { announceDeletion, preemptAllOf, removalEffects, removeVm } from "../vm/vm-delete.ts";
import { begun, dataDiskEffects, dataPlaneVm, endWrite, withDataDisksSettled } from "../vm/vm-state.ts";
import { findScaleSet, putScaleSet, putVm, without, type World } from "../world.ts";
import { instancesOf } from "./instances.ts";
import { withModelDisks } from "./model-disks.ts";
import { beginRollingUpgrade } from "./rolling-upgrade-run.ts";
import { instanceBody, type ScaleSet } from "./scale-set.ts";
import { renderUpgradePolicy } from "./upgrade-policy.ts";

export const CAPACITY_MAX = 1000;
const GUID_CHARS = 8;
const COMPUTER_NAME_DIGITS = 6;

/** A write of a scale set: which instances come, which go, and whether the set goes with them. */
export interface ScaleSetChange {
  /** Such as `VirtualMachineScaleSets_Update`. */
  readonly name: string;
  readonly coming: readonly VirtualMachine[];
  readonly leaving: readonly VirtualMachine[];
  readonly deletesSet?: true;
  /** The instances that a rolling upgrade follows up with: those without the latest model, or all. */
  readonly upgrades?: "outdated" | "all";
}

export type ScaleSetWrite =
  | { readonly kind: "Started"; readonly set: ScaleSet; readonly operation: Operation }
  | ArmFailure;

/** The change that gives a scale set that many instances: the newest leave first. */
export function planCapacity(
  world: World,
  set: ScaleSet,
  capacity: number,
): Pick<ScaleSetChange, "coming" | "leaving"> | ArmFailure {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > CAPACITY_MAX)
    return armErrors.invalidParameter(
      "sku.capacity",
      `The value '${capacity}' of parameter 'sku.capacity' is not a whole number from 0 to ${CAPACITY_MAX}.`,
    );
  const present = instancesOf(world, set);
  const coming: VirtualMachine[] = [];
  for (let index = present.length; index < capacity; index++) {
    const number = instanceNumber(world, set, index - present.length);
    const vm = newInstance(world, set, { index, number });
    if ("code" in vm) return vm;
    const restricted = checkSku(world, vm.size.name, vm);
    if (restricted !== undefined) return restricted;
    coming.push(vm);
  }
  const isNew = findScaleSet(world, set.id) === undefined;
  const beyond =
    (isNew ? checkQuota(world, set, "virtualMachineScaleSets") : undefined) ??
    checkVmQuotas(world, set, coming);
  return beyond ?? { coming, leaving: present.slice(capacity) };
}

/** The id of the nth new instance, from 0. */
function instanceNumber(world: World, set: ScaleSet, nth: number): number {
  if (world.settings.instanceIds === "grow") return set.nextInstanceId + nth;
  const used = new Set(instancesOf(world, set).map(({ instance }) => instance?.instanceId));
  const free = Array.from({ length: used.size + nth + 1 }, (_, number) => number).filter(
    (number) => !used.has(String(number)),
  );
  return free[nth] ?? set.nextInstanceId + nth;
}

/**
 * A new instance of a scale set. The host name of a uniform one ends with its instance id in base 36, as in
 * AKS: `aks-np-vmss00001w` for instance 68.
 */
export function newInstance(
  world: World,
  set: ScaleSet,
  { index, number }: { readonly index: number; readonly number: number },
): VirtualMachine | ArmFailure {
  const { subscriptionId, resourceGroup } = set;
  const prefix = textAt(set.profile, "osProfile", "computerNamePrefix") ?? set.name;
  const computerName = `${prefix}${number.toString(36).padStart(COMPUTER_NAME_DIGITS, "0")}`;
  const address =
    set.orchestrationMode === "Uniform"
      ? { subscriptionId, resourceGroup, scaleSet: set.name, name: String(number) }
      : { subscriptionId, resourceGroup, name: `${set.name}_${world.random.guid().slice(0, GUID_CHARS)}` };
  // Of those that come together, none is in the set yet.
  const nth = Math.max(0, index - instancesOf(world, set).length);
  const vm = newVm(world, address, instanceBody(set, index, computerName), nth);
  return "code" in vm ? vm : withModelDisks(world, set, vm);
}

/** What clients state of a scale set, beside its capacity: a write that changes none of it moves no ETag. */
function statedOf({ sizeName, profile, other, members, upgradePolicy, tags }: ScaleSet): JsonObject {
  return { sizeName, profile, other, members, upgradePolicy: renderUpgradePolicy(upgradePolicy), tags };
}

/** The writes that ask clients to wait. Recorded: deletions and actions don't; inferred: `manualupgrade`. */
const WRITES = new Set(["VirtualMachineScaleSets_CreateOrUpdate", "VirtualMachineScaleSets_Update"]);

/** Starts a write of a scale set as one operation: its instances come and go together, at the end. */
export function writeScaleSet(world: World, set: ScaleSet, change: ScaleSetChange): ScaleSetWrite {
  const { name, coming, leaving, deletesSet, upgrades } = change;
  const before = findScaleSet(world, set.id);
  const isNew = before === undefined;
  const moves = isNew || coming.length + leaving.length > 0 || !sameJson(statedOf(set), statedOf(before));
  const refused = preemptAllOf(world, leaving);
  if (refused !== undefined) return refused;
  const workMs = Math.max(
    coming.length > 0 || isNew ? delayMs(world, "vmCreate") : 0,
    leaving.length > 0 ? delayMs(world, "vmDelete") : 0,
  );
  const notices = leaving.map((vm) => ({ vm, noticeMs: terminateNoticeMs(world, vm) }));
  const operation = startOperation(world, {
    name,
    provider: "operations",
    ...writing(set),
    delayMs: workMs + Math.max(0, ...notices.map(({ noticeMs }) => noticeMs)),
    diskIds: coming.flatMap((vm) => vm.dataDisks.map(({ diskId }) => diskId)),
    ...(WRITES.has(name) ? { retryAfter: RETRY_AFTER.scaleSetWrite } : {}),
    work: {
      effects: (outcome) =>
        outcome.undone === "all"
          ? []
          : [
              ...coming.flatMap((vm) => [
                { kind: "vmStarted" as const, ...dataPlaneVm(vm) },
                ...dataDiskEffects(world, vm.id, outcome),
              ]),
              ...leaving.flatMap((vm) => removalEffects(world, vm)),
            ],
      end: (outcome) => {
        const isDone = outcome.undone !== "all";
        const write = (vm: VirtualMachine): Parameters<typeof endWrite>[1] => ({
          vmId: vm.id,
          vmGuid: vm.vmGuid,
          etagMoves: true,
        });
        for (const vm of coming)
          endWrite(world, write(vm), (now) => ({
            ...withDataDisksSettled(world, withOsDiskSettled(world, now), outcome),
            power: isDone ? "running" : "stopped",
            provisioningState: isDone ? "Succeeded" : "Failed",
          }));
        for (const vm of leaving)
          if (isDone) removeVm(world, vm);
          else endWrite(world, write(vm), (now) => ({ ...now, provisioningState: "Failed" }));
        const now = findScaleSet(world, set.id);
        if (now?.uniqueId !== set.uniqueId) return;
        if (deletesSet === true && isDone) {
          world.scaleSets.delete(keyOf(set.id));
          return;
        }
        const ended = putScaleSet(world, {
          ...without(now, "operationId"),
          etag: now.etag + (world.settings.etagMovesAt === "end" && moves ? 1 : 0),
          settledAtMs: world.nowMs,
          provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
        });
        if (upgrades === undefined || !isDone || outcome.error !== undefined) return;
        const instances = instancesOf(world, ended).filter(
          (vm) => upgrades === "all" || vm.instance?.latestModelApplied === false,
        );
        if (instances.length > 0) beginRollingUpgrade(world, ended, { operationId: operation.id, instances });
      },
    },
  });
  for (const { vm, noticeMs } of notices)
    announceDeletion(world, vm, { operationId: operation.id, noticeMs, workMs });
  for (const vm of coming) putVm(world, { ...vm, operationId: operation.id });
  for (const vm of leaving)
    putVm(world, { ...begun(world, vm), provisioningState: "Deleting", operationId: operation.id });
  const statesModel = moves && name === "VirtualMachineScaleSets_CreateOrUpdate";
  const started = putScaleSet(world, {
    ...set,
    ...(statesModel ? { modelStatedAtMs: world.nowMs } : {}),
    etag: set.etag + (isNew || (world.settings.etagMovesAt !== "end" && moves) ? 1 : 0),
    nextInstanceId: set.nextInstanceId + coming.length,
    provisioningState: deletesSet === true ? "Deleting" : isNew ? "Creating" : "Updating",
    operationId: operation.id,
  });
  return { kind: "Started", set: started, operation };
}
