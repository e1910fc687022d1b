import { VOLUME_CONTEXT_MAX_CHARS } from "./attachment-bounds.ts";
import type { AzDriverNode } from "./az-driver-node.ts";
import type { AzVolumeAttachment } from "./az-volume-attachment.ts";
import type { AzVolume, DiskModification, DiskSpec } from "./az-volume.ts";
import type { ClusterNode } from "./cluster-node.ts";
import type { Lease } from "./lease.ts";

/**
 * One rule on a resource's `spec` that a schema can't state: in CEL for the CRD, and as a function for
 * the driver's own stores. Both must agree.
 */
export interface SpecRule<Spec> {
  /** What a refusal names, such as `spec.maxMountReplicaCount`. */
  readonly field: string;
  /** The rule as `x-kubernetes-validations` has it, on `spec`. */
  readonly cel: string;
  readonly message: string;
  /** Whether the rule holds for `spec`; `old` is undefined on creation. */
  readonly holds: (spec: Spec, old: Spec | undefined) => boolean;
}

interface SpecMap {
  readonly AzVolume: AzVolume["spec"];
  readonly AzVolumeAttachment: AzVolumeAttachment["spec"];
  readonly AzDriverNode: AzDriverNode["spec"];
  readonly ClusterNode: ClusterNode["spec"];
  readonly Lease: Lease["spec"];
}

/** What the driver changes of no disk that exists: an edit would have no effect. */
const unchangedOfDisk = [
  "maxShares",
  "location",
  "zone",
  "resourceGroup",
  "sourceUri",
  "subscriptionId",
  "diskName",
  "logicalSectorSize",
  "burstingEnabled",
  "performancePlus",
  "optimizedForFrequentAttach",
  "diskAccessId",
  "diskEncryptionSetId",
  "encryptionType",
  "userAgent",
] as const satisfies readonly (keyof DiskSpec)[];

/** What changes only as a modification ends, to what Azure has by then (ADR 0052). */
const modifiedOfDisk = [
  "skuName",
  "diskIOPSReadWrite",
  "diskMBpsReadWrite",
  "networkAccessPolicy",
  "publicNetworkAccess",
] as const satisfies readonly (keyof DiskSpec & keyof DiskModification)[];

/** The rules on each kind's `spec`. */
export const specRules: { readonly [K in keyof SpecMap]: readonly SpecRule<SpecMap[K]>[] } = {
  AzVolume: [
    {
      field: "spec.maxMountReplicaCount",
      cel: "self.maxMountReplicaCount < self.disk.maxShares",
      message: "must be less than disk.maxShares: one share is the primary's",
      holds: (spec) => spec.maxMountReplicaCount < spec.disk.maxShares,
    },
    immutable("volumeName"),
    ...unchangedOfDisk.map(immutableOfDisk),
    ...modifiedOfDisk.map(changedByModification),
  ],
  AzVolumeAttachment: [
    immutable("volumeName"),
    immutable("volumeId"),
    immutable("nodeName"),
    {
      field: "spec.volumeContext",
      cel:
        "self.volumeContext.map(k, k.size() + self.volumeContext[k].size()).sum() <= " +
        `${VOLUME_CONTEXT_MAX_CHARS}`,
      message: `must have at most ${VOLUME_CONTEXT_MAX_CHARS} characters in all keys and values`,
      holds: ({ volumeContext }) =>
        Object.entries(volumeContext).flat().join("").length <= VOLUME_CONTEXT_MAX_CHARS,
    },
  ],
  AzDriverNode: [immutable("nodeName")],
  ClusterNode: [],
  Lease: [],
};

/**
 * A field that is absent must stay absent. Written with `has`: the API server takes the cost of comparing
 * optionals (`.?`) for unbounded, and refuses the definition.
 */
function immutableOfDisk(field: keyof DiskSpec): SpecRule<AzVolume["spec"]> {
  const [now, before] = [`self.disk.${field}`, `oldSelf.disk.${field}`];
  return {
    field: `spec.disk.${field}`,
    cel: `has(${now}) == has(${before}) && (!has(${now}) || ${now} == ${before})`,
    message: "is immutable",
    holds: (spec, old) => old === undefined || spec.disk[field] === old.disk[field],
  };
}

function changedByModification(field: (typeof modifiedOfDisk)[number]): SpecRule<AzVolume["spec"]> {
  const { cel, holds } = immutableOfDisk(field);
  return {
    field: `spec.disk.${field}`,
    cel: `(${cel}) || (has(oldSelf.modification) && !has(self.modification))`,
    message: "changes only as spec.modification ends, to what the disk has",
    holds: (spec, old) =>
      holds(spec, old) || (old?.modification !== undefined && spec.modification === undefined),
  };
}

function immutable<Field extends string>(field: Field): SpecRule<{ readonly [F in Field]: string }> {
  return {
    field: `spec.${field}`,
    cel: `self.${field} == oldSelf.${field}`,
    message: "is immutable",
    holds: (spec, old) => old === undefined || spec[field] === old[field],
  };
}
