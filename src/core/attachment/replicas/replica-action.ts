import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import type { Writer } from "../../api/az-volume.ts";
import type { NodeKey } from "../../api/identity/node-identity.ts";
import type { Rejection } from "../../schedule/choose-replica-nodes.ts";

/**
 * What must still hold by uncached reads when a replica is deleted: the volume is unrequested since the
 * same time; its node is in quarantine (any VM of its name, where its vmId is not known); the cluster has
 * no node of its name; its node has no AzDriverNode, is unschedulable or out of service; or the other
 * attachments that were counted exist and stay, `nonReplicaNames` are still no replicas, and `grant`, where
 * the plan rests on one, stands.
 */
export type ReplicaCondition =
  | { readonly kind: "Unrequested"; readonly since: string }
  | { readonly kind: "Quarantined"; readonly node: NodeKey | string }
  | { readonly kind: "NodeGone"; readonly nodeName: string }
  | { readonly kind: "Unregistered"; readonly nodeName: string }
  | { readonly kind: "Unschedulable" | "OutOfService"; readonly nodeName: string }
  | {
      readonly kind: "OthersStay";
      readonly nonReplicaNames: readonly string[];
      readonly replicaNames: readonly string[];
      readonly grant?: Grant;
    };

/** One grant of a volume: to that node, with that epoch. */
export type Grant = Pick<Writer, "nodeName" | "epoch">;

export type ReplicaAction =
  | { readonly kind: "CreateReplica"; readonly nodeName: string }
  | {
      readonly kind: "DeleteAttachment";
      readonly attachmentName: string;
      readonly because: string;
      readonly onlyWhile?: ReplicaCondition;
    }
  | { readonly kind: "ReplicasMissing"; readonly missing: number; readonly rejected: readonly Rejection[] }
  | { readonly kind: "Requeue"; readonly afterMs: number };

export type Deletion = Extract<ReplicaAction, { kind: "DeleteAttachment" }>;

/** The deletion of an attachment; without a condition it is checked for its node's right to write alone. */
export function deletionOf(
  { metadata }: AzVolumeAttachment,
  because: string,
  onlyWhile?: ReplicaCondition,
): Deletion {
  const deletion = { kind: "DeleteAttachment", attachmentName: metadata.name, because } as const;
  return onlyWhile === undefined ? deletion : { ...deletion, onlyWhile };
}
