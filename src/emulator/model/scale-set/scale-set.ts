import type { Json, JsonObject } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { resourceId } from "../api/resource/resource-id.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import type { RollingUpgrade } from "./rolling-upgrade.ts";
import { renderUpgradePolicy, type UpgradePolicy } from "./upgrade-policy.ts";

/**
 * `Uniform`: its instances are resources below it, named by an instance id. `Flexible`: they are VMs of
 * their own that name it.
 */
export type OrchestrationMode = "Uniform" | "Flexible";

/** A virtual machine scale set. Its capacity is the number of its instances. */
export interface ScaleSet {
  readonly id: string;
  readonly name: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly orchestrationMode: OrchestrationMode;
  readonly sizeName: string;
  readonly upgradePolicy: UpgradePolicy;
  /** The one under way, or the last one. */
  readonly rollingUpgrade?: RollingUpgrade;
  /** `properties.virtualMachineProfile`, the model of its instances: stored, returned and compared. */
  readonly profile: JsonObject;
  readonly uniqueId: string;
  /** Of the next uniform instance. */
  readonly nextInstanceId: number;
  readonly provisioningState: ProvisioningState;
  readonly operationId?: string;
  readonly createdAtMs: number;
}

/** Where a scale set is. */
export interface ScaleSetAddress {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** The ARM id of a scale set. */
export function scaleSetId(address: ScaleSetAddress): string {
  return resourceId({
    subscriptionId: address.subscriptionId,
    resourceGroup: address.resourceGroup,
    name: address.name,
    type: "virtualMachineScaleSets",
  });
}

/** The resource as GET answers it. */
export function renderScaleSet(set: ScaleSet, capacity: number): JsonObject {
  return {
    name: set.name,
    id: set.id,
    type: "Microsoft.Compute/virtualMachineScaleSets",
    location: set.location,
    ...(Object.keys(set.tags).length > 0 ? { tags: set.tags } : {}),
    ...(set.zones.length > 0 ? { zones: set.zones } : {}),
    sku: { name: set.sizeName, tier: "Standard", capacity },
    properties: {
      orchestrationMode: set.orchestrationMode,
      upgradePolicy: renderUpgradePolicy(set.upgradePolicy),
      virtualMachineProfile: set.profile,
      provisioningState: set.provisioningState,
      uniqueId: set.uniqueId,
      timeCreated: isoTime(set.createdAtMs),
    },
  };
}

/** The body of the VM that a scale set's model describes, `index` places after its first one. */
export function instanceBody(set: ScaleSet, index: number, computerName: string): Json {
  const zone = set.zones[index % Math.max(1, set.zones.length)];
  return {
    location: set.location,
    ...(zone === undefined ? {} : { zones: [zone] }),
    tags: set.tags,
    properties: {
      ...set.profile,
      hardwareProfile: { vmSize: set.sizeName },
      osProfile: { computerName },
      ...(set.orchestrationMode === "Flexible" ? { virtualMachineScaleSet: { id: set.id } } : {}),
    },
  };
}
