import { type Json, type JsonObject, listAt, objectAt, textAt, withoutMembers } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { type NamedAddress, resourceId } from "../api/resource/resource-id.ts";
import type { ProvisioningState } from "../disk/disk.ts";
import { edgeZoneIn } from "../subscription/edge-zones.ts";
import { etagText } from "../vm/virtual-machine.ts";
import type { RollingUpgrade } from "./rolling-upgrade.ts";
import { renderUpgradePolicy, type UpgradePolicy } from "./upgrade-policy.ts";

/**
 * `Uniform`: its instances are resources below it, named by an instance id. `Flexible`: they are VMs of
 * their own that name it.
 */
export type OrchestrationMode = "Uniform" | "Flexible";

/** A virtual machine scale set. Its capacity is the number of its instances. */
export interface ScaleSet extends NamedAddress {
  readonly id: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly orchestrationMode: OrchestrationMode;
  readonly sizeName: string;
  readonly upgradePolicy: UpgradePolicy;
  /** The one under way, or the last one. */
  readonly rollingUpgrade?: RollingUpgrade;
  /** `properties.virtualMachineProfile`, which its instances are made of; `{}` if the set has none. */
  readonly profile: JsonObject;
  /** Further properties that are stored and returned, and have no effect here: `overprovision` … */
  readonly other: JsonObject;
  /** The same beside its properties: its identity, its plan … */
  readonly members: JsonObject;
  readonly uniqueId: string;
  /** Of the next uniform instance. */
  readonly nextInstanceId: number;
  readonly provisioningState: ProvisioningState;
  /**
   * Moved as a write begins that changes the set, and not by its end (recorded in January 2026 by
   * cloud-provider-azure: `"1"` after the creation, and after a PUT of the same body).
   */
  readonly etag: number;
  readonly operationId?: string;
  readonly createdAtMs: number;
  /** When its model was last stated by a PUT that changed something. */
  readonly modelStatedAtMs?: number;
  /** When its last write ended; absent until the first has. */
  readonly settledAtMs?: number;
}

export function scaleSetId(address: NamedAddress): string {
  return resourceId({
    subscriptionId: address.subscriptionId,
    resourceGroup: address.resourceGroup,
    name: address.name,
    type: "virtualMachineScaleSets",
  });
}

/** The resource as GET answers it. It returns user data on request only. */
export function renderScaleSet(
  set: ScaleSet,
  { capacity, userData }: { readonly capacity: number; readonly userData: boolean },
): JsonObject {
  const profile = {
    ...(userData ? set.profile : withoutMembers(set.profile, ["userData"])),
    timeCreated: isoTime(set.modelStatedAtMs ?? set.createdAtMs),
  };
  // Recorded in 2024 of a flexible set: without a model it has no size, no policy and no time either.
  const isStated = Object.keys(set.profile).length > 0;
  const hasModel = isStated || set.orchestrationMode === "Uniform";
  return {
    name: set.name,
    id: set.id,
    type: "Microsoft.Compute/virtualMachineScaleSets",
    location: set.location,
    tags: set.tags,
    ...(set.zones.length > 0 ? { zones: set.zones } : {}),
    ...set.members,
    ...(hasModel ? { sku: { name: set.sizeName, tier: "Standard", capacity } } : {}),
    properties: {
      ...set.other,
      orchestrationMode: set.orchestrationMode,
      ...(hasModel ? { upgradePolicy: renderUpgradePolicy(set.upgradePolicy) } : {}),
      ...(isStated ? { virtualMachineProfile: profile } : {}),
      provisioningState: set.provisioningState,
      uniqueId: set.uniqueId,
      ...(hasModel ? { timeCreated: isoTime(set.createdAtMs) } : {}),
    },
    etag: etagText(set),
  };
}

/**
 * An instance of a flexible set in the list of the set's instances: recorded in 2024 (Azure/azure-cli,
 * test_vmss_hibernate.yaml), where none had a zone.
 */
export function renderFlexibleInstance(
  set: ScaleSet,
  {
    name,
    location,
    zones,
  }: { readonly name: string; readonly location: string; readonly zones: readonly string[] },
): JsonObject {
  return {
    name,
    id: `${set.id}/virtualMachines/${name}`,
    type: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    location,
    instanceId: name,
    zones: zones.length > 0 ? zones : [null],
  };
}

/**
 * What a scale set's model says of an instance's properties. Its name prefix, extensions and health probe are
 * the set's own, and the configurations of its interfaces stand beside the interfaces.
 */
export function instanceProperties({ profile, orchestrationMode }: ScaleSet): JsonObject {
  const {
    osProfile: _names,
    networkProfile,
    extensionProfile: _extensions,
    serviceArtifactReference: _artifact,
    securityPostureReference: _posture,
    ...same
  } = profile;
  const { computerNamePrefix: _prefix, ...osProfile } = objectAt(profile, "osProfile") ?? {};
  const { storageProfile } = same;
  const osDisk = objectAt(storageProfile, "osDisk");
  const networkInterfaceConfigurations = listAt(networkProfile, "networkInterfaceConfigurations");
  return {
    ...same,
    // Each instance has a disk of its own name. It goes with the instance, unless a flexible set keeps it.
    ...(osDisk === undefined
      ? {}
      : {
          storageProfile: {
            ...objectAt(storageProfile),
            osDisk: {
              ...withoutMembers(osDisk, ["name"]),
              ...(orchestrationMode === "Flexible"
                ? { deleteOption: textAt(osDisk, "deleteOption") ?? "Delete" }
                : {}),
            },
          },
        }),
    osProfile,
    ...(networkProfile === undefined ? {} : { networkProfile: { networkInterfaces: [] } }),
    ...(orchestrationMode === "Flexible" || networkInterfaceConfigurations === undefined
      ? {}
      : { networkProfileConfiguration: { networkInterfaceConfigurations } }),
  };
}

/** The body of the VM that a scale set's model describes, `index` places after its first one. */
export function instanceBody(set: ScaleSet, index: number, computerName: string): Json {
  const zone = set.zones[index % Math.max(1, set.zones.length)];
  const properties = instanceProperties(set);
  return {
    location: set.location,
    ...(zone === undefined ? {} : { zones: [zone] }),
    ...edgeZoneIn(set.members),
    tags: set.tags,
    properties: {
      ...properties,
      hardwareProfile: { ...objectAt(properties, "hardwareProfile"), vmSize: set.sizeName },
      osProfile: { ...objectAt(properties, "osProfile"), computerName },
      ...(set.orchestrationMode === "Flexible" ? { virtualMachineScaleSet: { id: set.id } } : {}),
    },
  };
}
