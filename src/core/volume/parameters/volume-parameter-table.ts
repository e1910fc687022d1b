import type { AzVolume, DiskSpec } from "../../api/az-volume.ts";
import { regionName } from "../../azure/topology.ts";
import { userAgentPattern, userAgentRule } from "../../azure/user-agent.ts";
import { perfProfiles } from "../device/device-settings.ts";
import { blockSizes, inodeRatios, inodeSizes } from "../device/file-system-geometry.ts";
import { fileSystemTypes } from "../device/file-system.ts";
import {
  cachingModes,
  diskEncryptionTypes,
  diskSkus,
  networkAccessPolicies,
  publicNetworkAccesses,
  sectorSizes,
} from "../disk-sku.ts";
import type { ParameterValue } from "./parameter-value.ts";

/** The field of an AzVolume's `spec` that a parameter becomes. */
export type SpecField = Exclude<keyof AzVolume["spec"], "disk"> | `disk.${keyof DiskSpec}`;

/** How the value of a StorageClass parameter is read, and the field that it becomes. */
export type VolumeParameter = ParameterValue & {
  readonly field: SpecField;
  /** A VolumeAttributesClass may state it, too, and change it. */
  readonly isMutable?: true;
};

/** Azure lets at most 15 VMs share a disk, of any SKU. */
const SHARES_MAX = 15;
const SUBSCRIPTION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu;
/** The most of any disk of Azure. */
const IOPS_MAX = 400_000;
const MBPS_MAX = 10_000;

/** The id of a resource of Microsoft.Compute, such as a disk encryption set. */
function computeId(type: "diskAccesses" | "diskEncryptionSets"): {
  readonly pattern: RegExp;
  readonly rule: string;
} {
  const form = `/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Compute/${type}/<name>`;
  const part = "[^/\\s?#%]+";
  const pattern = form.replaceAll(/<\w+>/gu, part).replace(".", "\\.");
  return { pattern: new RegExp(`^${pattern}$`, "iu"), rule: `must be ${form}` };
}

/**
 * The StorageClass parameters that this version supports, in the spelling of the documentation. The
 * parser, the spec, the comparison of a repeated CreateVolume and docs/reference/storage-class.md read
 * the same rows. A row without `default` leaves the choice to `resolve-volume-spec.ts`, or to the
 * cluster's settings. Another parameter of the disk is one row here, and its field in
 * `az-volume.schema.ts` and, by the same name, in `ArmDiskTraits`: compiler and tests name the rest.
 */
export const volumeParameterTable = {
  skuName: {
    kind: "choice",
    choices: diskSkus,
    default: "StandardSSD_LRS",
    field: "disk.skuName",
    isMutable: true,
  },
  storageAccountType: { kind: "choice", choices: diskSkus, field: "disk.skuName", isMutable: true },
  maxShares: { kind: "count", min: 1, max: SHARES_MAX, default: 1, field: "disk.maxShares" },
  maxMountReplicaCount: { kind: "count", min: 0, max: SHARES_MAX - 1, field: "maxMountReplicaCount" },
  cachingMode: { kind: "choice", choices: cachingModes, field: "cachingMode" },
  fsType: { kind: "choice", choices: fileSystemTypes, anyCase: true, field: "fsType" },
  // The node reads them from the volume's attributes: `file-system-geometry.ts` has the rules.
  blockSize: { kind: "number", numbers: blockSizes, field: "volumeContext" },
  inodeSize: { kind: "number", numbers: inodeSizes, field: "volumeContext" },
  bytesPerInode: { kind: "number", numbers: inodeRatios, field: "volumeContext" },
  tags: { kind: "text", field: "disk.tags", isMutable: true },
  tagValueDelimiter: { kind: "text", default: ",", field: "disk.tags", isMutable: true },
  resourceGroup: {
    kind: "pattern",
    // Letters and marks of any script: Azure's rule is .NET's \w, which has both.
    pattern: /^[-\p{L}\p{M}\p{N}\p{Pc}.()]{0,89}[-\p{L}\p{M}\p{N}\p{Pc}()]$/u,
    rule: "must have 1 to 90 letters, digits or any of _ - . ( ) and not end in a period",
    field: "disk.resourceGroup",
  },
  location: {
    kind: "pattern",
    pattern: /^[a-z0-9]+$/u,
    rule: "must be an Azure region such as eastus",
    normalize: regionName,
    field: "disk.location",
  },
  diskName: {
    kind: "pattern",
    // A later claim could have any other name, and a repeated DeleteVolume of the earlier volume delete it.
    pattern:
      /^(?=.*\$\{pv\.metadata\.name\})(?:[A-Za-z0-9.-]|\$\{(?:pvc\.metadata\.(?:name|namespace)|pv\.metadata\.name)\})+$/u,
    rule:
      "must contain ${pv.metadata.name}, which no other volume has, and may have letters, digits, - and ., " +
      "${pvc.metadata.namespace} and ${pvc.metadata.name}",
    field: "disk.diskName",
  },
  // IOPS, throughput and sizes of sectors: `sku-rules.ts` has the ranges by SKU and size.
  DiskIOPSReadWrite: {
    kind: "count",
    min: 1,
    max: IOPS_MAX,
    field: "disk.diskIOPSReadWrite",
    isMutable: true,
  },
  DiskMBpsReadWrite: {
    kind: "count",
    min: 1,
    max: MBPS_MAX,
    field: "disk.diskMBpsReadWrite",
    isMutable: true,
  },
  LogicalSectorSize: { kind: "number", numbers: sectorSizes, field: "disk.logicalSectorSize" },
  enableBursting: { kind: "flag", field: "disk.burstingEnabled" },
  // Only here V1 reads the short forms; those of the other flags it takes for none.
  enablePerformancePlus: { kind: "flag", isAlsoShort: true, field: "disk.performancePlus" },
  optimizedForFrequentAttach: { kind: "flag", field: "disk.optimizedForFrequentAttach" },
  networkAccessPolicy: {
    kind: "choice",
    choices: networkAccessPolicies,
    default: "DenyAll",
    field: "disk.networkAccessPolicy",
    isMutable: true,
  },
  publicNetworkAccess: {
    kind: "choice",
    choices: publicNetworkAccesses,
    default: "Disabled",
    field: "disk.publicNetworkAccess",
    isMutable: true,
  },
  diskAccessID: { kind: "pattern", ...computeId("diskAccesses"), field: "disk.diskAccessId" },
  diskEncryptionSetID: {
    kind: "pattern",
    ...computeId("diskEncryptionSets"),
    field: "disk.diskEncryptionSetId",
  },
  writeAcceleratorEnabled: { kind: "flag", field: "writeAcceleratorEnabled" },
  subscriptionID: {
    kind: "pattern",
    pattern: SUBSCRIPTION_ID,
    rule: "must be the id of a subscription",
    field: "disk.subscriptionId",
  },
  diskEncryptionType: { kind: "choice", choices: diskEncryptionTypes, field: "disk.encryptionType" },
  // Azure attributes a customer's usage to a partner by the `pid-<GUID>` in the header (Learn, Azure customer
  // usage attribution).
  userAgent: { kind: "pattern", pattern: userAgentPattern, rule: userAgentRule, field: "disk.userAgent" },
  // The node reads it, and `device-setting/<path>`, from the volume's attributes.
  perfProfile: { kind: "choice", choices: perfProfiles, anyCase: true, field: "volumeContext" },
} as const satisfies Readonly<Record<string, VolumeParameter>>;

export type VolumeParameterName = keyof typeof volumeParameterTable;

/** StorageClass parameters that this version supports, in the spelling of the documentation. */
export const volumeParameterNames = Object.keys(volumeParameterTable) as readonly VolumeParameterName[];

/** What external-provisioner adds with `--extra-create-metadata`; recorded as tags on the disk. */
export const metadataParameterNames = [
  "csi.storage.k8s.io/pv/name",
  "csi.storage.k8s.io/pvc/name",
  "csi.storage.k8s.io/pvc/namespace",
] as const;

export type MetadataParameterName = (typeof metadataParameterNames)[number];

/**
 * Accepted without effect, so that StorageClasses of the in-tree driver, of V1 and of the V2 driver in Go
 * keep working: what they ask for is so in any case, or has no effect there either.
 */
export const compatibilityParameterNames = [
  "kind",
  "zoned",
  "enableAsyncAttach",
  "attachDiskInitialDelay",
  "incremental",
] as const;
