import {
  booleanAt,
  type Json,
  type JsonObject,
  listAt,
  numberAt,
  objectAt,
  textAt,
} from "../model/api/json.ts";
import { parseResourceId } from "../model/api/resource/resource-id.ts";
import { type Disk, diskSizeBytes } from "../model/disk/disk.ts";
import { domainsOf } from "../model/scale-set/fault-domains.ts";
import { scaleSetIdOf } from "../model/scale-set/instances.ts";
import { edgeZoneOf } from "../model/subscription/edge-zones.ts";
import { osTypeOf } from "../model/vm/os-disk/image.ts";
import { osDiskId } from "../model/vm/os-disk/render-os-disk.ts";
import type { DataDisk, VirtualMachine } from "../model/vm/virtual-machine.ts";
import { findDisk, type World } from "../model/world.ts";

const BYTES_PER_MB = 1_048_576;

/**
 * The version that introduced each member of `compute` and of its data disks (Learn, Azure Instance Metadata
 * Service); those that are not here have been there from the first one on.
 */
const COMPUTE_SINCE: Readonly<Record<string, string>> = {
  additionalCapabilities: "2021-11-01",
  azEnvironment: "2018-10-01",
  customData: "2019-02-01",
  evictionPolicy: "2020-12-01",
  extendedLocation: "2021-03-01",
  host: "2021-11-15",
  hostGroup: "2021-11-15",
  isHostCompatibilityLayerVm: "2020-06-01",
  licenseType: "2020-09-01",
  osProfile: "2020-07-15",
  physicalZone: "2023-11-15",
  placementGroupId: "2017-08-01",
  plan: "2018-04-02",
  platformSubFaultDomain: "2021-10-01",
  priority: "2020-12-01",
  provider: "2018-10-01",
  publicKeys: "2018-04-02",
  resourceGroupName: "2017-08-01",
  resourceId: "2019-03-11",
  securityProfile: "2020-06-01",
  storageProfile: "2019-06-01",
  subscriptionId: "2017-08-01",
  tags: "2017-08-01",
  tagsList: "2019-06-04",
  userData: "2021-01-01",
  virtualMachineScaleSet: "2021-03-01",
  vmScaleSetName: "2017-12-01",
  zone: "2017-12-01",
};
const DATA_DISK_SINCE: Readonly<Record<string, string>> = {
  bytesPerSecondThrottle: "2021-05-01",
  diskCapacityBytes: "2021-05-01",
  isSharedDisk: "2021-05-01",
  isUltraDisk: "2021-05-01",
  opsPerSecondThrottle: "2021-05-01",
};

/** What IMDS says of a VM in a version of its API. Every primitive is a text, and absent values are empty. */
export function instanceDocument(world: World, vm: VirtualMachine, version: string): JsonObject {
  const compute = {
    ...imageMembers(vm),
    ...ownMembers(vm),
    ...placeOf(world, vm),
    storageProfile: storageProfile(world, vm, version),
  };
  return { compute: inVersion(compute, COMPUTE_SINCE, version), network: NETWORK };
}

const NETWORK = {
  interface: [
    {
      ipv4: {
        ipAddress: [{ privateIpAddress: "10.0.0.4", publicIpAddress: "" }],
        subnet: [{ address: "10.0.0.0", prefix: "24" }],
      },
      ipv6: { ipAddress: [] },
      macAddress: "000D3A000001",
    },
  ],
} as const;

function inVersion(
  members: JsonObject,
  since: Readonly<Record<string, string>>,
  version: string,
): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([name]) => (since[name] ?? "") <= version));
}

function ownMembers(vm: VirtualMachine): JsonObject {
  const { other } = vm;
  const scaleSetId = scaleSetIdOf(vm);
  const tags = Object.entries(vm.tags ?? {});
  const [zone = ""] = vm.zones;
  return {
    additionalCapabilities: {
      hibernationEnabled: String(booleanAt(other, "additionalCapabilities", "hibernationEnabled") ?? false),
    },
    azEnvironment: "AzurePublicCloud",
    customData: "",
    evictionPolicy: textAt(other, "evictionPolicy") ?? "",
    extendedLocation: { type: edgeZoneOf(vm) === "" ? "" : "EdgeZone", name: edgeZoneOf(vm) },
    host: { id: textAt(other, "host", "id") ?? "" },
    hostGroup: { id: textAt(other, "hostGroup", "id") ?? "" },
    isHostCompatibilityLayerVm: "false",
    licenseType: textAt(other, "licenseType") ?? "",
    location: vm.location,
    name: vm.name,
    osProfile: {
      adminUsername: textAt(other, "osProfile", "adminUsername") ?? "",
      computerName: textAt(other, "osProfile", "computerName") ?? "",
      disablePasswordAuthentication: String(
        booleanAt(other, "osProfile", "linuxConfiguration", "disablePasswordAuthentication") ?? "",
      ),
    },
    osType: osTypeOf(other),
    physicalZone: zone === "" ? "" : `${vm.location}-az${zone}`,
    plan: planOf(vm),
    platformSubFaultDomain: "",
    priority: textAt(other, "priority") ?? "",
    provider: "Microsoft.Compute",
    publicKeys: (listAt(other, "osProfile", "linuxConfiguration", "ssh", "publicKeys") ?? []).map((key) => ({
      keyData: textAt(key, "keyData") ?? "",
      path: textAt(key, "path") ?? "",
    })),
    resourceGroupName: vm.resourceGroup,
    resourceId: vm.id,
    securityProfile: {
      secureBootEnabled: String(
        booleanAt(other, "securityProfile", "uefiSettings", "secureBootEnabled") ?? false,
      ),
      virtualTpmEnabled: String(booleanAt(other, "securityProfile", "uefiSettings", "vTpmEnabled") ?? false),
      encryptionAtHost: String(booleanAt(other, "securityProfile", "encryptionAtHost") ?? false),
      securityType: textAt(other, "securityProfile", "securityType") ?? "",
    },
    subscriptionId: vm.subscriptionId,
    tags: tags.map(([name, value]) => `${name}:${value}`).join(";"),
    tagsList: tags.map(([name, value]) => ({ name, value })),
    userData: textAt(other, "userData") ?? "",
    // Of flexible scale sets only.
    virtualMachineScaleSet: { id: vm.instance === undefined ? (scaleSetId ?? "") : "" },
    vmId: vm.vmGuid,
    vmScaleSetName: parseResourceId(scaleSetId ?? "")?.name ?? "",
    vmSize: vm.size.name,
    zone,
  };
}

/** The same domains as in the VM's instance view. */
function placeOf(world: World, vm: VirtualMachine): JsonObject {
  const domains = domainsOf(world, vm);
  return {
    placementGroupId: textAt(domains, "placementGroupId") ?? "",
    platformFaultDomain: String(numberAt(domains, "platformFaultDomain") ?? 0),
    platformUpdateDomain: String(numberAt(domains, "platformUpdateDomain") ?? 0),
  };
}

function planOf({ members }: VirtualMachine): JsonObject {
  const text = (member: string): string => textAt(members, "plan", member) ?? "";
  return { name: text("name"), product: text("product"), publisher: text("publisher") };
}

/** The image's description, which `storageProfile.imageReference` repeats. */
function imageMembers({ other }: VirtualMachine): Readonly<Record<string, string>> {
  const text = (member: string): string => textAt(other, "storageProfile", "imageReference", member) ?? "";
  return { offer: text("offer"), publisher: text("publisher"), sku: text("sku"), version: text("version") };
}

function storageProfile(world: World, vm: VirtualMachine, version: string): JsonObject {
  return {
    dataDisks: vm.dataDisks
      .filter((entry) => entry.phase === "Attached")
      .map((entry) => inVersion(dataDisk(entry, findDisk(world, entry.diskId)), DATA_DISK_SINCE, version)),
    imageReference: {
      id: textAt(vm.other, "storageProfile", "imageReference", "id") ?? "",
      ...imageMembers(vm),
    },
    osDisk: osDiskOf(vm, findDisk(world, osDiskId(vm) ?? "")),
    ...(version < "2021-02-01" ? {} : { resourceDisk: { size: "0" } }),
  };
}

/** Learn, Azure Instance Metadata Service: the members of the OS disk object. */
function osDiskOf(vm: VirtualMachine, disk: Disk | undefined): JsonObject {
  const osDisk = objectAt(vm.other, "storageProfile", "osDisk");
  const text = (member: string): string => textAt(osDisk, member) ?? "";
  return {
    caching: text("caching"),
    createOption: text("createOption"),
    diffDiskSettings: { option: textAt(osDisk, "diffDiskSettings", "option") ?? "" },
    diskSizeGB: String(disk?.spec.sizeGiB ?? ""),
    encryptionSettings: { enabled: "false" },
    image: { uri: textAt(osDisk, "image", "uri") ?? "" },
    managedDisk: { id: disk?.id ?? "", storageAccountType: disk?.spec.sku.name ?? "" },
    name: textAt(osDisk, "name") ?? `${vm.name}-os`,
    osType: textAt(osDisk, "osType") ?? "Linux",
    vhd: { uri: textAt(osDisk, "vhd", "uri") ?? "" },
    writeAcceleratorEnabled: String(booleanAt(osDisk, "writeAcceleratorEnabled") ?? false),
  };
}

function dataDisk(entry: DataDisk, disk: Disk | undefined): JsonObject {
  const ultra = disk?.spec.sku.family === "Ultra" ? disk : undefined;
  const ofUltra = (value: (ultraDisk: Disk) => number | bigint): Json =>
    ultra === undefined ? "" : String(value(ultra));
  return {
    bytesPerSecondThrottle: ofUltra(({ spec }) => (spec.performance?.mbps ?? 0) * BYTES_PER_MB),
    caching: entry.caching,
    createOption: "Attach",
    diskCapacityBytes: ofUltra(({ spec }) => diskSizeBytes(spec.sizeGiB)),
    diskSizeGB: String(disk?.spec.sizeGiB ?? ""),
    image: { uri: "" },
    isSharedDisk: String((disk?.spec.maxShares ?? 1) > 1),
    isUltraDisk: String(ultra !== undefined),
    lun: String(entry.lun),
    managedDisk: { id: entry.diskId, storageAccountType: disk?.spec.sku.name ?? "" },
    name: entry.name,
    opsPerSecondThrottle: ofUltra(({ spec }) => spec.performance?.iops ?? 0),
    vhd: { uri: "" },
    writeAcceleratorEnabled: String(entry.writeAcceleratorEnabled ?? false),
  };
}
