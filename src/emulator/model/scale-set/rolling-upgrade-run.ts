import { type ArmFailure, armErrors } from "../api/errors.ts";
import { textAt } from "../api/json.ts";
import { durationMs } from "../api/resource/iso-duration.ts";
import {
  continueOperation,
  preemptOperation,
  rescheduleOperation,
  startOperation,
  whenEnded,
  writing,
} from "../pace/operations.ts";
import { announce, noticeMs } from "../scheduled-events/raise-event.ts";
import { withModelStorage } from "../vm/os-disk/os-disk.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { controllerType, otherProperties } from "../vm/vm-create.ts";
import { changePower } from "../vm/vm-power.ts";
import { findVmSize } from "../vm/vm-sizes.ts";
import { runningOperation } from "../vm/vm-state.ts";
import { findScaleSet, findVm, putScaleSet, putVm, without, type World } from "../world.ts";
import { instancesOf } from "./instances.ts";
import { chooseBatch, isUnhealthy, percentOf, type RollingUpgrade } from "./rolling-upgrade.ts";
import { instanceProperties, type ScaleSet } from "./scale-set.ts";

/** The scale set of an upgrade under way, by the operation that ends with the upgrade. */
interface Run {
  readonly setId: string;
  readonly operationId: string;
}

export function isRollingForward(set: ScaleSet): boolean {
  return set.rollingUpgrade?.code === "RollingForward";
}

/**
 * Begins a rolling upgrade of these instances at the end of an operation's own work; the operation continues
 * until the upgrade ends. As long as it runs, the scale set is that operation's.
 */
export function beginRollingUpgrade(
  world: World,
  set: ScaleSet,
  { operationId, instances }: { readonly operationId: string; readonly instances: readonly VirtualMachine[] },
): void {
  continueOperation(world, operationId);
  putScaleSet(world, {
    ...set,
    provisioningState: "Updating",
    operationId,
    rollingUpgrade: {
      policy: set.upgradePolicy.rolling,
      code: "RollingForward",
      startedAtMs: world.nowMs,
      lastAction: "Start",
      lastActionAtMs: world.nowMs,
      operationId,
      pending: instances.map(({ id }) => id),
      inProgress: [],
      succeeded: [],
      failed: [],
    },
  });
  startBatch(world, { setId: set.id, operationId });
}

/** Ends a rolling upgrade after the batch that is under way, and the cancelling operation with it. */
export function cancelRollingUpgrade(world: World, setId: string, cancelOperationId: string): void {
  const set = findScaleSet(world, setId);
  const upgrade = set?.rollingUpgrade;
  if (upgrade?.code !== "RollingForward") return;
  const run = { setId, operationId: upgrade.operationId };
  continueOperation(world, cancelOperationId);
  change(world, run, { lastAction: "Cancel", lastActionAtMs: world.nowMs, cancelOperationId });
  if (upgrade.inProgress.length === 0) finish(world, run, "Cancelled");
}

function startBatch(world: World, run: Run): void {
  const found = underWay(world, run);
  // Between two batches it may have been cancelled.
  if (found === undefined || found.upgrade.inProgress.length > 0) return;
  const instances = instancesOf(world, found.set);
  const present = { ...found.upgrade, pending: found.upgrade.pending.filter((id) => hasId(instances, id)) };
  if (present.cancelOperationId !== undefined) return finish(world, run, "Cancelled");
  const batch = chooseBatch(present, instances);
  if (batch.length === 0) return finish(world, run, "Completed", { pending: [] });
  const error = tooManyUnhealthy(present, instances);
  if (error !== undefined) return finish(world, run, "Faulted", { error });
  change(world, run, {
    pending: present.pending.filter((id) => !hasId(batch, id)),
    inProgress: batch.map(({ id }) => id),
  });
  for (const vm of batch) announceUpgrade(world, run, vm);
}

/**
 * Gives an instance a new OS disk and the model, once its guest has approved that, and after the write that
 * is under way on it. Until the reimage begins, clients write to it: they detach its disks.
 */
function announceUpgrade(world: World, run: Run, vm: VirtualMachine): void {
  const waitMs = noticeMs(world, vm, "Reboot");
  if (waitMs === 0) return upgradeInstance(world, run, vm, () => undefined);
  const description = "Virtual machine is going to be reimaged by a rolling upgrade of its scale set.";
  announce(world, vm, { type: "Reboot", source: "Platform", description, noticeMs: waitMs }, (end) =>
    upgradeInstance(world, run, vm, end),
  );
}

function upgradeInstance(world: World, run: Run, { id, vmGuid }: VirtualMachine, endEvent: () => void): void {
  const settled = (as?: "succeeded" | "failed"): void => {
    endEvent();
    settle(world, run, id, as);
  };
  const vm = findVm(world, id);
  if (vm === undefined || vm.vmGuid !== vmGuid) return settled();
  const again = (): void => upgradeInstance(world, run, vm, endEvent);
  const running = runningOperation(world, vm);
  if (running !== undefined) return whenEnded(world, running.id, again);
  const started = changePower(world, vm, "reimage", { forced: false, hibernate: false, isAnnounced: true });
  if (started.kind === "Failure") return settled("failed");
  whenEnded(world, started.operation.id, ({ error }) => {
    const now = findVm(world, id);
    const set = findScaleSet(world, run.setId);
    if (set === undefined || now?.instance === undefined || now.vmGuid !== vmGuid) return settled();
    // Its deletion took over, and may fail.
    const deletion = now.provisioningState === "Deleting" ? runningOperation(world, now) : undefined;
    if (deletion !== undefined) return whenEnded(world, deletion.id, again);
    if (error === undefined) putVm(world, withLatestModel(set, now));
    settled(error === undefined ? "succeeded" : "failed");
  });
}

/** An instance with its scale set's present model. */
export function withLatestModel(set: ScaleSet, vm: VirtualMachine): VirtualMachine {
  const size = findVmSize(set.sizeName) ?? vm.size;
  const model = otherProperties({ properties: instanceProperties(set) });
  return vm.instance === undefined
    ? vm
    : {
        ...vm,
        size,
        controllerType: controllerType(size, textAt(set.profile, "storageProfile", "diskControllerType")),
        // The host name is the instance's own.
        other: {
          ...vm.other,
          ...model,
          osProfile: vm.other["osProfile"],
          storageProfile: withModelStorage(vm, model),
        },
        instance: { ...vm.instance, latestModelApplied: true },
      };
}

/** Ends an instance's turn; one that was deleted counts as neither succeeded nor failed. */
function settle(world: World, run: Run, id: string, as?: "succeeded" | "failed"): void {
  const found = underWay(world, run);
  if (found === undefined) return;
  const inProgress = found.upgrade.inProgress.filter((other) => other !== id);
  change(world, run, { inProgress, ...(as === undefined ? {} : { [as]: [...found.upgrade[as], id] }) });
  if (inProgress.length === 0) endBatch(world, run);
}

function endBatch(world: World, run: Run): void {
  const found = underWay(world, run);
  if (found === undefined) return;
  const { set, upgrade } = found;
  if (upgrade.cancelOperationId !== undefined) return finish(world, run, "Cancelled");
  const error = tooManyUnhealthyUpgraded(upgrade, instancesOf(world, set));
  if (error !== undefined) return finish(world, run, "Faulted", { error });
  const pauseMs = durationMs(upgrade.policy.pauseTimeBetweenBatches) ?? 0;
  if (upgrade.pending.length === 0 || pauseMs === 0) return startBatch(world, run);
  startOperation(world, {
    name: "rollingUpgradePause",
    provider: "operations",
    ...writing(set),
    delayMs: pauseMs * world.settings.timeScale,
    internal: true,
    work: { end: () => startBatch(world, run) },
  });
}

function tooManyUnhealthy(
  { policy, succeeded, failed }: RollingUpgrade,
  instances: readonly VirtualMachine[],
): ArmFailure | undefined {
  const unhealthy = instances.filter(isUnhealthy);
  const percent = percentOf(unhealthy.length, instances.length);
  const max = policy.maxUnhealthyInstancePercent;
  if (percent <= max) return undefined;
  return succeeded.length + failed.length === 0
    ? armErrors.unhealthyBeforeRollingUpgrade(percent, max)
    : armErrors.unhealthyInRollingUpgrade(percent, max);
}

/** An instance whose upgrade failed counts as unhealthy. */
function tooManyUnhealthyUpgraded(
  { policy, succeeded, failed }: RollingUpgrade,
  instances: readonly VirtualMachine[],
): ArmFailure | undefined {
  const unhealthy = instances.filter(
    (vm) => failed.includes(vm.id) || (succeeded.includes(vm.id) && isUnhealthy(vm)),
  );
  const percent = percentOf(unhealthy.length, succeeded.length + failed.length);
  const max = policy.maxUnhealthyUpgradedInstancePercent;
  return percent <= max
    ? undefined
    : armErrors.unhealthyUpgraded(percent, max, unhealthy[0]?.instance?.instanceId ?? "");
}

function finish(
  world: World,
  run: Run,
  code: RollingUpgrade["code"],
  more: Partial<RollingUpgrade> = {},
): void {
  const found = underWay(world, run);
  if (found === undefined) return;
  const { set, upgrade } = found;
  putScaleSet(world, {
    ...without(set, "operationId"),
    provisioningState: more.error === undefined ? "Succeeded" : "Failed",
    settledAtMs: world.nowMs,
    rollingUpgrade: { ...upgrade, ...more, code },
  });
  if (code === "Completed") rescheduleOperation(world, run.operationId, 0);
  else
    preemptOperation(
      world,
      run.operationId,
      more.error ?? armErrors.operationPreempted(),
      more.error === undefined ? world.settings.preemptedStatus : "Failed",
    );
  if (upgrade.cancelOperationId !== undefined) rescheduleOperation(world, upgrade.cancelOperationId, 0);
}

function change(world: World, run: Run, changed: Partial<RollingUpgrade>): void {
  const found = underWay(world, run);
  if (found !== undefined)
    putScaleSet(world, { ...found.set, rollingUpgrade: { ...found.upgrade, ...changed } });
}

/** The scale set and its upgrade, as long as it is this one and runs. */
function underWay(world: World, run: Run): { set: ScaleSet; upgrade: RollingUpgrade } | undefined {
  const set = findScaleSet(world, run.setId);
  const upgrade = set?.rollingUpgrade;
  return set !== undefined && upgrade?.code === "RollingForward" && upgrade.operationId === run.operationId
    ? { set, upgrade }
    : undefined;
}

function hasId(instances: readonly VirtualMachine[], id: string): boolean {
  return instances.some((vm) => vm.id === id);
}
