import { type ArmCall, groupOf, type HandlerResult, param } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { NamedAddress } from "../api/resource/resource-id.ts";
import { findScaleSet, type World } from "../world.ts";
import { isRollingForward } from "./rolling-upgrade-run.ts";
import { type ScaleSet, scaleSetId } from "./scale-set.ts";

export function scaleSetAt(world: World, call: ArmCall): ScaleSet | undefined {
  return findScaleSet(world, scaleSetId(addressOf(call)));
}

export function addressOf(call: ArmCall): NamedAddress {
  return { ...groupOf(call), name: param(call, "scaleSet") };
}

/** A handler of a scale set's operation: refused where the path names none. */
export function ofScaleSet(
  handle: (world: World, call: ArmCall, set: ScaleSet) => HandlerResult,
): (world: World, call: ArmCall) => HandlerResult {
  return (world, call) => {
    const { name, resourceGroup } = addressOf(call);
    const set = scaleSetAt(world, call);
    return set === undefined
      ? armErrors.resourceNotFound("virtualMachineScaleSets", name, resourceGroup)
      : handle(world, call, set);
  };
}

/** Why a write can't begin: another one of the same scale set, or its rolling upgrade, is under way. */
export function checkIdle(set: ScaleSet, operation: string): ArmFailure | undefined {
  if (isRollingForward(set)) return armErrors.rollingUpgradeInProgress(operation, set.name);
  return set.operationId === undefined ? undefined : armErrors.conflict();
}
