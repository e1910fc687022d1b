import { type ArmFailure, errorObject } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { RollingUpgradePolicy } from "./upgrade-policy.ts";

/** The latest rolling upgrade of a scale set. Instances are listed by their resource ids. */
export interface RollingUpgrade {
  readonly policy: RollingUpgradePolicy;
  readonly code: "RollingForward" | "Cancelled" | "Completed" | "Faulted";
  readonly startedAtMs: number;
  readonly lastAction: "Start" | "Cancel";
  readonly lastActionAtMs: number;
  /** The operation that ends with it. */
  readonly operationId: string;
  /** The operation that cancels it, and ends with the batch that is under way. */
  readonly cancelOperationId?: string;
  readonly pending: readonly string[];
  readonly inProgress: readonly string[];
  readonly succeeded: readonly string[];
  readonly failed: readonly string[];
  readonly error?: ArmFailure;
}

/** The answer of `rollingUpgrades/latest`, which has no id and no name. */
export function renderRollingUpgrade(upgrade: RollingUpgrade, location: string): JsonObject {
  return {
    type: "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades",
    location,
    properties: {
      policy: { ...upgrade.policy },
      runningStatus: {
        code: upgrade.code,
        startTime: isoTime(upgrade.startedAtMs),
        lastAction: upgrade.lastAction,
        lastActionTime: isoTime(upgrade.lastActionAtMs),
      },
      progress: {
        successfulInstanceCount: upgrade.succeeded.length,
        failedInstanceCount: upgrade.failed.length,
        inProgressInstanceCount: upgrade.inProgress.length,
        pendingInstanceCount: upgrade.pending.length,
      },
      ...(upgrade.error === undefined ? {} : { error: errorObject(upgrade.error) }),
    },
  };
}

/**
 * The pending instances of the next batch: at least one, at most the policy's share of all, and of one zone
 * unless the policy permits several.
 */
export function chooseBatch(
  { policy, pending }: Pick<RollingUpgrade, "policy" | "pending">,
  instances: readonly VirtualMachine[],
): readonly VirtualMachine[] {
  const waiting = pending.flatMap((id) => instances.filter((vm) => vm.id === id));
  const ordered =
    policy.prioritizeUnhealthyInstances === true
      ? [...waiting.filter(isUnhealthy), ...waiting.filter((vm) => !isUnhealthy(vm))]
      : waiting;
  const zone = ordered[0]?.zones[0];
  const size = Math.max(1, Math.floor((instances.length * policy.maxBatchInstancePercent) / 100));
  return ordered
    .filter((vm) => policy.enableCrossZoneUpgrade === true || vm.zones[0] === zone)
    .slice(0, size);
}

/** Whether the health probe of an instance fails. */
export function isUnhealthy(vm: VirtualMachine): boolean {
  return (
    vm.power !== "running" || !vm.guestResponsive || !vm.agentReachable || vm.provisioningState === "Failed"
  );
}

/** How many of all, in percent. */
export function percentOf(part: number, all: number): number {
  return all === 0 ? 0 : (100 * part) / all;
}
