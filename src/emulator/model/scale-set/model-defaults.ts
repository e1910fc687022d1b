import { isObject, type Json, type JsonObject, listAt, merged, objectAt } from "../api/json.ts";
import { imageSizeGiB, osTypeOf } from "../vm/os-disk/image.ts";
import { withOsProfile } from "../vm/vm-create.ts";
import { findVmSize } from "../vm/vm-sizes.ts";
import type { World } from "../world.ts";
import type { ScaleSet } from "./scale-set.ts";

/**
 * What Azure adds to a scale set that does not state it. Recorded of uniform sets in 2023 (Azure's SDK for
 * Go) and 2026 (cloud-provider-azure), of sets in zones in 2019 (SDK for .NET); that a flexible set has one
 * fault domain is inferred from `az vmss create`.
 */
export function defaultsOfSet({
  orchestrationMode,
  zones,
}: Pick<ScaleSet, "orchestrationMode" | "zones">): JsonObject {
  const isZonal = zones.length > 0;
  if (orchestrationMode === "Flexible") return { singlePlacementGroup: false, platformFaultDomainCount: 1 };
  return {
    singlePlacementGroup: !isZonal,
    overprovision: true,
    doNotRunExtensionsOnOverprovisionedVMs: false,
    platformFaultDomainCount: isZonal ? 1 : 5,
    ...(isZonal ? { zoneBalance: false } : {}),
  };
}

const OF_AN_INTERFACE = {
  enableAcceleratedNetworking: false,
  disableTcpStateTracking: false,
  dnsSettings: { dnsServers: [] },
  enableIPForwarding: false,
};

/**
 * A scale set's model with what Azure adds to it: an OS disk, and the parts of its interfaces (recorded). A
 * flexible set can have no model.
 */
export function withModelDefaults(world: World, stated: JsonObject, sizeName: string): JsonObject {
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
      ...(isBlob ? {} : { managedDisk: { storageAccountType }, diskSizeGB: imageSizeGiB(osType) }),
    },
    osDisk ?? {},
  );
  const configurations = listAt(profile, "networkProfile", "networkInterfaceConfigurations");
  return {
    ...profile,
    storageProfile: { ...objectAt(profile, "storageProfile"), osDisk: completed },
    ...(configurations === undefined
      ? {}
      : {
          networkProfile: {
            ...objectAt(profile, "networkProfile"),
            networkInterfaceConfigurations: configurations.map(completedInterface),
          },
        }),
  };
}

function completedInterface(configuration: Json): Json {
  if (!isObject(configuration)) return configuration;
  const properties = merged(OF_AN_INTERFACE, objectAt(configuration, "properties") ?? {});
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
