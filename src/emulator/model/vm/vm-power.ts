import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { DataPlaneEffect } from "../data-plane-port.ts";
import { isSasActive } from "../disk/disk-read.ts";
import type { LatencyName } from "../pace/latency.ts";
import { RETRY_AFTER } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, startOperation, writing } from "../pace/operations.ts";
import { noticeMs, raiseEvent } from "../scheduled-events/raise-event.ts";
import { checkCores } from "../subscription/quotas.ts";
import { findDisk, updateDisk, type World } from "../world.ts";
import { hasEphemeralOsDisk, osDiskId } from "./os-disk/render-os-disk.ts";
import type { PowerState, VirtualMachine } from "./virtual-machine.ts";
import {
  type Admission,
  admitWrite,
  begun,
  dataDiskEffects,
  dataPlaneVm,
  endWrite,
  preempt,
  providerOf,
  putVmWithReservations,
  withDataDisksSettled,
  withFailedAttachesRetried,
} from "./vm-state.ts";

export type PowerAction =
  | "start"
  | "powerOff"
  | "deallocate"
  | "restart"
  | "redeploy"
  | "reapply"
  | "reimage";

interface PowerRule {
  /** The operation, without the group to which it belongs. */
  readonly name: string;
  readonly latency: LatencyName;
  /** The latency if the action does not wait for the guest. */
  readonly forcedLatency?: LatencyName;
  /**
   * The power state in instance views during the action, and afterwards; absent if the power does not
   * change.
   */
  readonly during?: PowerState;
  readonly afterwards?: PowerState;
  /** Whether a hung guest is restarted. */
  readonly wakesGuest: boolean;
  readonly effects: readonly ("vmStopped" | "vmStarted")[];
  /** The event for which it waits, if the guest asks for events. */
  readonly event?: "Reboot" | "Redeploy";
  readonly retryAfter?: Operation["retryAfter"];
}

const RULES: Readonly<Record<PowerAction, PowerRule>> = {
  start: {
    name: "Start",
    latency: "vmStart",
    during: "starting",
    afterwards: "running",
    wakesGuest: true,
    effects: ["vmStarted"],
    retryAfter: RETRY_AFTER.vmStart,
  },
  powerOff: {
    name: "PowerOff",
    latency: "vmStop",
    forcedLatency: "vmForcedStop",
    during: "stopping",
    afterwards: "stopped",
    wakesGuest: false,
    effects: ["vmStopped"],
  },
  deallocate: {
    name: "Deallocate",
    latency: "vmDeallocate",
    forcedLatency: "vmForcedDeallocate",
    during: "deallocating",
    afterwards: "deallocated",
    wakesGuest: false,
    effects: ["vmStopped"],
    retryAfter: RETRY_AFTER.vmDeallocation,
  },
  restart: {
    name: "Restart",
    latency: "vmRestart",
    afterwards: "running",
    wakesGuest: true,
    effects: ["vmStopped", "vmStarted"],
    event: "Reboot",
    retryAfter: RETRY_AFTER.vmRestart,
  },
  redeploy: {
    name: "Redeploy",
    latency: "vmRedeploy",
    afterwards: "running",
    wakesGuest: true,
    effects: ["vmStopped", "vmStarted"],
    event: "Redeploy",
  },
  reimage: {
    name: "Reimage",
    latency: "vmReimage",
    afterwards: "running",
    wakesGuest: true,
    effects: ["vmStopped", "vmStarted"],
    event: "Reboot",
  },
  reapply: { name: "Reapply", latency: "vmReapply", wakesGuest: false, effects: [] },
};

const DEALLOCATED = { during: "deallocated", afterwards: "deallocated" } as const;

export interface PowerOptions {
  /** Whether not to wait for the guest: `skipShutdown`, `forceDeallocate`. */
  readonly forced: boolean;
  readonly hibernate: boolean;
  /** Its scheduled event has been. */
  readonly isAnnounced?: true;
}

/** Whether a power action may begin on a VM that a caller asks for; it changes nothing yet. */
export function admitPower(world: World, vm: VirtualMachine, action: PowerAction): Admission {
  return action === "deallocate" && hasEphemeralOsDisk(vm)
    ? armErrors.ephemeralDeallocated()
    : admitAnyPower(world, vm, action);
}

/** The same for an action that the platform begins: it evicts a VM whatever its OS disk is. */
function admitAnyPower(world: World, vm: VirtualMachine, action: PowerAction): Admission {
  const readByUrl =
    action === "start"
      ? diskIdsOf(vm)
          .map((diskId) => findDisk(world, diskId))
          .find((disk) => disk !== undefined && isSasActive(world, disk))
      : undefined;
  if (readByUrl !== undefined) return armErrors.sasActive("disk", readByUrl.name);
  const beyond =
    action === "start" && vm.power === "deallocated" ? checkCores(world, vm, vm.size.vcpus) : undefined;
  if (beyond !== undefined) return beyond;
  const stops = action === "powerOff" || action === "deallocate";
  return admitWrite(world, vm, {
    name: operationName(vm, action),
    takesOver: stops && world.settings.powerOffPreemptsUpdate,
  });
}

function operationName(vm: VirtualMachine, action: PowerAction): string {
  return `${providerOf(vm)}_${RULES[action].name}`;
}

/**
 * A power action. `stopped` keeps the host, so the disks stay Attached; `deallocated` releases it, and they
 * are Reserved.
 */
export function changePower(
  world: World,
  vm: VirtualMachine,
  action: PowerAction,
  options: PowerOptions,
): { readonly kind: "Started"; operation: Operation } | ArmFailure {
  const admission = (options.isAnnounced === true ? admitAnyPower : admitPower)(world, vm, action);
  if (admission.kind === "Failure") return admission;
  preempt(world, admission.preempts, false);
  // A VM without a host stays without one.
  const rule =
    action === "powerOff" && vm.power === "deallocated"
      ? { ...RULES.powerOff, ...DEALLOCATED }
      : RULES[action];
  const { event } = rule;
  const waitMs = event === undefined || options.isAnnounced === true ? 0 : noticeMs(world, vm, event);
  const workMs = delayMs(world, (options.forced ? rule.forcedLatency : undefined) ?? rule.latency);
  const write = { vmId: vm.id, vmGuid: vm.vmGuid, etagMoves: true };
  const effects: readonly DataPlaneEffect[] = rule.effects.map((kind) => ({ kind, ...dataPlaneVm(vm) }));
  const retried = withFailedAttachesRetried(world, vm, vm.dataDisks);
  const operation = startOperation(world, {
    name: operationName(vm, action),
    provider: "operations",
    ...writing(vm),
    delayMs: waitMs + workMs,
    ...(retried.refusal === undefined ? {} : { refusal: retried.refusal }),
    ...(rule.retryAfter === undefined ? {} : { retryAfter: rule.retryAfter }),
    work: {
      effects: (outcome) =>
        outcome.undone === "all" ? [] : [...effects, ...dataDiskEffects(world, vm.id, outcome)],
      end: (outcome) =>
        endWrite(world, write, (now) => {
          const acted =
            outcome.undone === "all"
              ? { ...now, power: vm.power }
              : afterAction(now, rule, action === "deallocate" ? options.hibernate : undefined);
          if ((vm.power === "deallocated") !== (acted.power === "deallocated")) noteOwnership(world, now);
          // Disks that a preempted update was attaching or detaching reach their final state now.
          return {
            ...withDataDisksSettled(world, acted, outcome),
            provisioningState: outcome.error === undefined ? "Succeeded" : "Failed",
          };
        }),
    },
  });
  if (event !== undefined && waitMs > 0)
    raiseEvent(world, vm, {
      type: event,
      source: "User",
      description: "Virtual machine is going to be interrupted as requested by authorized user.",
      operationId: operation.id,
      noticeMs: waitMs,
      workMs,
    });
  putVmWithReservations(world, {
    ...begun(world, vm),
    dataDisks: retried.entries,
    power: rule.during ?? vm.power,
    provisioningState: "Updating",
    operationId: operation.id,
  });
  return { kind: "Started", operation };
}

function diskIdsOf(vm: VirtualMachine): readonly string[] {
  const osDisk = osDiskId(vm);
  return [...(osDisk === undefined ? [] : [osDisk]), ...vm.dataDisks.map(({ diskId }) => diskId)];
}

/** The ownership of a VM's disks counts as changed once the VM is deallocated, or starts from that. */
function noteOwnership(world: World, vm: VirtualMachine): void {
  for (const diskId of diskIdsOf(vm))
    updateDisk(world, diskId, (disk) => ({ ...disk, ownershipChangedAtMs: world.nowMs }));
}

/** `hibernates`: whether the action saves the memory; undefined for actions that do not decide it. */
function afterAction(vm: VirtualMachine, rule: PowerRule, hibernates: boolean | undefined): VirtualMachine {
  const power = rule.afterwards ?? vm.power;
  return {
    ...vm,
    power,
    hibernated: hibernates ?? (power === "deallocated" && vm.hibernated),
    guestResponsive: rule.wakesGuest || vm.guestResponsive,
  };
}
