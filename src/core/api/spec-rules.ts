import { VOLUME_CONTEXT_MAX_CHARS } from "./attachment-bounds.ts";
import type { AzDriverNode } from "./az-driver-node.ts";
import type { AzVolumeAttachment } from "./az-volume-attachment.ts";
import type { AzVolume } from "./az-volume.ts";
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

/** The rules on each kind's `spec`. */
export const specRules: { readonly [K in keyof SpecMap]: readonly SpecRule<SpecMap[K]>[] } = {
  AzVolume: [
    {
      field: "spec.maxMountReplicaCount",
      cel: "self.maxMountReplicaCount < self.maxShares",
      message: "must be less than maxShares: one share is the primary's",
      holds: (spec) => spec.maxMountReplicaCount < spec.maxShares,
    },
    immutable("volumeName"),
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

function immutable<Field extends string>(field: Field): SpecRule<{ readonly [F in Field]: string }> {
  return {
    field: `spec.${field}`,
    cel: `self.${field} == oldSelf.${field}`,
    message: "is immutable",
    holds: (spec, old) => old === undefined || spec[field] === old[field],
  };
}
