import { type ArmFailure, armErrors } from "../api/errors.ts";
import { booleanAt, type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from "../api/json.ts";
import { choiceOf } from "../api/request/choice.ts";
import { durationMs } from "../api/resource/iso-duration.ts";

const MODES = ["Manual", "Automatic", "Rolling"] as const;

/**
 * What happens to the instances when their scale set's model changes. `Manual`: nothing. `Automatic`: they
 * get it at once. `Rolling`: they get it, and a new OS disk, batch by batch.
 */
export type UpgradeMode = (typeof MODES)[number];

/**
 * How a rolling upgrade proceeds. Percentages are of all instances, but for `maxUnhealthyUpgraded…`. As
 * recorded, reads show what is optional here once a body has stated it, and all else always.
 */
export interface RollingUpgradePolicy {
  /** 5 to 100. */
  readonly maxBatchInstancePercent: number;
  /** 5 to 100; checked before each batch. */
  readonly maxUnhealthyInstancePercent: number;
  /** 0 to 100, of the upgraded instances; checked after each batch. */
  readonly maxUnhealthyUpgradedInstancePercent: number;
  /** As sent: an ISO 8601 duration, in Azure's time. */
  readonly pauseTimeBetweenBatches: string;
  readonly maxSurge: false;
  readonly rollbackFailedInstancesOnPolicyBreach: false;
  /** Whether a batch may have instances of several zones. */
  readonly enableCrossZoneUpgrade?: boolean;
  readonly prioritizeUnhealthyInstances?: boolean;
}

export interface UpgradePolicy {
  readonly mode: UpgradeMode;
  readonly rolling: RollingUpgradePolicy;
  /**
   * Whether reads show how rolling upgrades proceed: once a body has stated it, or has asked for them. It
   * cannot be removed (terraform-provider-azurerm#922).
   */
  readonly showsRolling: boolean;
  /** `automaticOSUpgradePolicy`: stored and returned. */
  readonly automaticOs?: JsonObject;
}

/** Azure's defaults. */
export const DEFAULT_UPGRADE_POLICY: UpgradePolicy = {
  mode: "Manual",
  showsRolling: false,
  rolling: {
    maxBatchInstancePercent: 20,
    maxUnhealthyInstancePercent: 20,
    maxUnhealthyUpgradedInstancePercent: 20,
    pauseTimeBetweenBatches: "PT0S",
    maxSurge: false,
    rollbackFailedInstancesOnPolicyBreach: false,
  },
};

const PERCENTAGES = [
  ["maxBatchInstancePercent", 5],
  ["maxUnhealthyInstancePercent", 5],
  ["maxUnhealthyUpgradedInstancePercent", 0],
] as const;
/** What would create or roll back instances: refused, as the emulator does neither. */
const NOT_SERVED = ["maxSurge", "rollbackFailedInstancesOnPolicyBreach"];
const SHOWN_IF_STATED = ["enableCrossZoneUpgrade", "prioritizeUnhealthyInstances"] as const;

/** The policy that a body's `upgradePolicy` leads to; members that it leaves out stay. */
export function parseUpgradePolicy(
  json: Json | undefined,
  present: UpgradePolicy,
): UpgradePolicy | ArmFailure {
  const modeText = textAt(json, "mode") ?? present.mode;
  const mode = choiceOf(MODES, modeText);
  if (mode === undefined) return refused("mode", modeText, `one of ${MODES.join(", ")}`);
  const given = objectAt(json, "rollingUpgradePolicy") ?? {};
  let rolling = present.rolling;
  for (const [member, min] of PERCENTAGES) {
    const value = given[member] === undefined ? rolling[member] : numberAt(given, member);
    if (value === undefined || !Number.isInteger(value) || value < min || value > 100)
      return refused(`rollingUpgradePolicy.${member}`, given[member], `a whole number from ${min} to 100`);
    rolling = { ...rolling, [member]: value };
  }
  const notServed = NOT_SERVED.find((member) => given[member] === true);
  if (notServed !== undefined)
    return refused(`rollingUpgradePolicy.${notServed}`, true, "false: the emulator does not serve it");
  const pauseTimeBetweenBatches = textAt(given, "pauseTimeBetweenBatches") ?? rolling.pauseTimeBetweenBatches;
  if (durationMs(pauseTimeBetweenBatches) === undefined)
    return refused(
      "rollingUpgradePolicy.pauseTimeBetweenBatches",
      pauseTimeBetweenBatches,
      "an ISO 8601 duration, such as PT30S",
    );
  for (const member of SHOWN_IF_STATED) {
    const value = booleanAt(given, member);
    if (value !== undefined) rolling = { ...rolling, [member]: value };
  }
  const automaticOs = objectAt(json, "automaticOSUpgradePolicy") ?? present.automaticOs;
  return {
    mode,
    showsRolling:
      present.showsRolling || mode === "Rolling" || objectAt(json, "rollingUpgradePolicy") !== undefined,
    rolling: { ...rolling, pauseTimeBetweenBatches },
    ...(automaticOs === undefined ? {} : { automaticOs }),
  };
}

/** `properties.upgradePolicy` as GET answers it. */
export function renderUpgradePolicy({ mode, rolling, showsRolling, automaticOs }: UpgradePolicy): JsonObject {
  return {
    mode,
    ...(showsRolling ? { rollingUpgradePolicy: { ...rolling } } : {}),
    ...(automaticOs === undefined
      ? {}
      : { automaticOSUpgradePolicy: { useRollingUpgradePolicy: false, ...automaticOs } }),
  };
}

/**
 * Why a scale set can't have rolling upgrades: they need a source of the instances' health, which is a probe
 * of a load balancer or an extension.
 */
export function checkRollingUpgrades(set: {
  readonly orchestrationMode: "Uniform" | "Flexible";
  readonly profile: JsonObject;
}): ArmFailure | undefined {
  if (set.orchestrationMode === "Flexible") return armErrors.rollingUpgradeOfFlexibleSet();
  const extensions = listAt(set.profile, "extensionProfile", "extensions") ?? [];
  const hasExtension = extensions.some((extension) =>
    /^ApplicationHealth(Linux|Windows)$/i.test(textAt(extension, "properties", "type") ?? ""),
  );
  return hasExtension || textAt(set.profile, "networkProfile", "healthProbe", "id") !== undefined
    ? undefined
    : armErrors.rollingUpgradeWithoutHealth();
}

function refused(member: string, value: Json | undefined, allowed: string): ArmFailure {
  const parameter = `upgradePolicy.${member}`;
  return armErrors.invalidParameter(
    parameter,
    `The value '${typeof value === "string" ? value : JSON.stringify(value)}' of parameter '${parameter}' ` +
      `is not ${allowed}.`,
  );
}
