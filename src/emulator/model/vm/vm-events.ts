import { delayMs, rescheduleOperation, startOperation, writing } from "../pace/operations.ts";
import { findVm, putVm, type World } from "../world.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import type { VmEvent } from "./vm-set-up.ts";
import { begun, dataPlaneVm, runningOperation } from "./vm-state.ts";

/**
 * Applies an event to a VM.
 * - `PowerLoss`: the VM stops, and instance views show it.
 * - `SilentPowerLoss`: it stops, but Azure still reports it as running, as it can while a host is lost.
 * - `PowerReturn`: a VM that lost its power, or was powered off, starts as its host has recovered.
 * - `GuestHang`: the guest no longer answers, so a regular detach does not end; its writes still arrive.
 * - `Partition`: only the agent's status is missing; everything else works.
 * - `ProvisioningFailure`: the VM is in state Failed.
 */
export function strikeVm(world: World, vm: VirtualMachine, event: VmEvent): void {
  switch (event) {
    case "PowerLoss":
    case "SilentPowerLoss":
      return losePower(world, vm, event === "SilentPowerLoss");
    case "PowerReturn":
      return returnPower(world, vm);
    case "GuestHang":
      return void putVm(world, { ...vm, guestResponsive: false });
    case "GuestRecovery":
      putVm(world, { ...vm, guestResponsive: true });
      return resumeUpdate(world, vm);
    case "Partition":
    case "PartitionEnd":
      return void putVm(world, { ...vm, agentReachable: event === "PartitionEnd" });
    case "ProvisioningFailure":
      return void putVm(world, {
        ...begun(world, vm),
        provisioningState: "Failed",
        settledAtMs: world.nowMs,
      });
  }
}

/** Continues a detach that waited for the guest. */
function resumeUpdate(world: World, vm: VirtualMachine): void {
  const running = runningOperation(world, vm);
  if (running?.dueAtMs === Infinity) rescheduleOperation(world, running.id, delayMs(world, "detach"));
}

function losePower(world: World, vm: VirtualMachine, silent: boolean): void {
  happenAtOnce(world, vm, { name: "powerLoss", effect: "vmStopped" }, (now) => {
    putVm(world, { ...now, power: silent ? now.power : "stopped", guestResponsive: false });
  });
}

/** A deallocated VM has no host that could recover. */
function returnPower(world: World, vm: VirtualMachine): void {
  if (vm.power !== "running" && vm.power !== "stopped") return;
  happenAtOnce(world, vm, { name: "powerReturn", effect: "vmStarted" }, (now) => {
    resumeUpdate(world, putVm(world, { ...now, power: "running", guestResponsive: true }));
  });
}

/** Ends at once, since no caller has requested it or waits for it. */
function happenAtOnce(
  world: World,
  vm: VirtualMachine,
  event: { readonly name: string; readonly effect: "vmStopped" | "vmStarted" },
  end: (now: VirtualMachine) => void,
): void {
  startOperation(world, {
    name: event.name,
    provider: "operations",
    ...writing(vm),
    delayMs: 0,
    internal: true,
    work: {
      effects: () => [{ kind: event.effect, ...dataPlaneVm(vm) }],
      end: () => {
        const now = findVm(world, vm.id);
        if (now?.vmGuid === vm.vmGuid) end(now);
      },
    },
  });
}
