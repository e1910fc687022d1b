import { isObject, type Json, type JsonObject, listAt, merged, objectAt, textAt } from "../api/json.ts";
import { findDiskSku } from "../disk/disk-sku.ts";
import { imageSizeGiB, osTypeOf } from "../vm/os-disk/image.ts";
import { withOsProfile } from "../vm/vm-create.ts";
import { findVmSize } from "../vm/vm-sizes.ts";
import type { World } from "../world.ts";
import type { OrchestrationMode, ScaleSet } from "./scale-set.ts";

/**
 * What Azure adds to a scale set that does not state it. Recorded of uniform sets in 2023 (Azure's SDK for
 * Go) and 2026 (cloud-provider-azure), of sets in zones in 2019 (SDK for .NET), of flexible ones in 2024
 * (Azure/azure-cli, vm module's recordings test_create_flexible_vmss_*.yaml).
 */
export function defaultsOfSet({
  orchestrationMode,
  zones,
}: Pick<ScaleSet, "orchestrationMode" | "zones">): JsonObject {
  const isZonal = zones.length > 0;
  if (orchestrationMode === "Flexible")
    return { singlePlacementGroup: false, platformFaultDomainCount: 1, constrainedMaximumCapacity: false };
  return {
    singlePlacementGroup: !isZonal,
    overprovision: true,
    doNotRunExtensionsOnOverprovisionedVMs: false,
    platformFaultDomainCount: isZonal ? 1 : 5,
    ...(isZonal ? { zoneBalance: false } : {}),
  };
}

const OF_AN_INTERFACE = { disableTcpStateTracking: false, enableIPForwarding: false };
const OF_A_UNIFORM_INTERFACE = {
  enableAcceleratedNetworking: false,
  disableTcpStateTracking: false,
  dnsSettings: { dnsServers: [] },
};
const OF_A_FLEXIBLE_INTERFACE = { auxiliaryMode: "None", auxiliarySku: "None", deleteOption: "Delete" };

/**
 * A scale set's model with what Azure adds to it: an OS disk, and the parts of its interfaces and data disks
 * (recorded). A flexible set can have no model.
 */
export function withModelDefaults(
  world: World,
  stated: JsonObject,
  { sizeName, orchestrationMode: mode }: Pick<ScaleSet, "sizeName" | "orchestrationMode">,
): JsonObject {
  if (!world.settings.osDisks || Object.keys(stated).length === 0) return stated;
  const profile = withOsProfile(world, stated, "Model");
  const osType = osTypeOf(profile);
  const osDisk = objectAt(profile, "storageProfile", "osDisk");
  const isBlob = osDisk?.["vhdContainers"] !== undefined;
  const storageAccountType = findVmSize(sizeName)?.premiumIo === false ? "Standard_LRS" : "Premium_LRS";
  const completed = merged(
    {
      osType,
      createOption: "FromImage",
      caching: "None",
      ...(mode === "Flexible" ? { deleteOption: "Delete" } : {}),
      ...(isBlob ? {} : { managedDisk: { storageAccountType }, diskSizeGB: imageSizeGiB(osType) }),
    },
    osDisk ?? {},
  );
  const configurations = listAt(profile, "networkProfile", "networkInterfaceConfigurations");
  const dataDisks = listAt(profile, "storageProfile", "dataDisks");
  const isSpot = textAt(profile, "priority")?.toLowerCase() === "spot";
  return {
    ...profile,
    ...(isSpot ? { billingProfile: { maxPrice: -1, ...objectAt(profile, "billingProfile") } } : {}),
    storageProfile: {
      ...objectAt(profile, "storageProfile"),
      osDisk: withSku(completed),
      ...(dataDisks === undefined
        ? {}
        : { dataDisks: dataDisks.map((disk) => completedDisk(disk, mode, storageAccountType)) }),
    },
    ...(configurations === undefined
      ? {}
      : {
          networkProfile: {
            ...objectAt(profile, "networkProfile"),
            networkInterfaceConfigurations: configurations.map((each) => completedInterface(each, mode)),
          },
        }),
  };
}

/** Recorded in 2024 (Azure/azure-cli, test_vmss_create_options.yaml, test_disk_encryption_set.yaml). */
function completedDisk(disk: Json, mode: OrchestrationMode, storageAccountType: string): Json {
  if (!isObject(disk)) return disk;
  const createOption = textAt(disk, "createOption");
  const isEmpty = createOption?.toLowerCase() === "empty";
  return withSku(
    merged(
      {
        caching: "None",
        managedDisk: { storageAccountType },
        ...(mode === "Flexible" ? { deleteOption: "Delete" } : {}),
      },
      { ...disk, ...(isEmpty ? { createOption: "Empty" } : {}) },
    ),
  );
}

/** A disk whose SKU is spelt as Azure spells it, whatever its case was. */
function withSku(disk: JsonObject): JsonObject {
  const sku = findDiskSku(textAt(disk, "managedDisk", "storageAccountType") ?? "");
  return sku === undefined ? disk : merged(disk, { managedDisk: { storageAccountType: sku.name } });
}

function completedInterface(configuration: Json, mode: OrchestrationMode): Json {
  if (!isObject(configuration)) return configuration;
  const added = mode === "Flexible" ? OF_A_FLEXIBLE_INTERFACE : OF_A_UNIFORM_INTERFACE;
  const properties = merged({ ...OF_AN_INTERFACE, ...added }, objectAt(configuration, "properties") ?? {});
  const addresses = listAt(properties, "ipConfigurations");
  return {
    ...configuration,
    properties: {
      ...properties,
      ...(addresses === undefined ? {} : { ipConfigurations: addresses.map(completedAddress) }),
    },
  };
}

function completedAddress(address: Json): Json {
  if (!isObject(address)) return address;
  const properties = objectAt(address, "properties") ?? {};
  return { ...address, properties: { privateIPAddressVersion: "IPv4", ...properties } };
}
