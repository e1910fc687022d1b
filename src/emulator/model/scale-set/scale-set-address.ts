import { type ArmCall, groupOf, param } from "../api/arm-message.ts";
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

/** The refusal of a call whose path names no scale set. */
export function notFound(call: ArmCall): ArmFailure {
  const { name, resourceGroup } = addressOf(call);
  return armErrors.resourceNotFound("virtualMachineScaleSets", name, resourceGroup);
}

/** Why a write can't begin: another one of the same scale set, or its rolling upgrade, is under way. */
export function checkIdle(set: ScaleSet, operation: string): ArmFailure | undefined {
  if (isRollingForward(set)) return armErrors.rollingUpgradeInProgress(operation, set.name);
  return set.operationId === undefined ? undefined : armErrors.conflict();
}
