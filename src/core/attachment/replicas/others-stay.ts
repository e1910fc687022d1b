import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import type { WriterRecord } from "../../api/az-volume.ts";
import { isReplica } from "../is-replica.ts";
import { type ObservedVolume, recordOf, stayingAttachments } from "../observed-volume.ts";
import type { Grant, ReplicaCondition } from "./replica-action.ts";

/** The condition of a plan that counts these replicas, besides the attachments that are none. */
export function othersStay(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
  { isGrantNeeded }: { readonly isGrantNeeded: boolean },
): ReplicaCondition {
  const record = recordOf(observed);
  const grant = isGrantNeeded && record !== undefined ? standingGrant(record) : undefined;
  const namesOf = (attachments: readonly AzVolumeAttachment[]): readonly string[] =>
    attachments.map(({ metadata }) => metadata.name);
  return {
    kind: "OthersStay",
    nonReplicaNames: namesOf(nonReplicasOf(observed)),
    replicaNames: namesOf(replicas),
    ...(grant === undefined ? {} : { grant }),
  };
}

/** The attachments that stay and are no replicas. */
export function nonReplicasOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed).filter((attachment) => !isReplica(recordOf(observed), attachment));
}

/** The grant of a record whose node uses the volume; undefined: there is none, or it ends. */
export function standingGrant({ writer, fencing }: WriterRecord): Grant | undefined {
  return writer?.requested === true && fencing === undefined
    ? { nodeName: writer.nodeName, epoch: writer.epoch }
    : undefined;
}

/** Whether a record still has that grant, and its node uses the volume. */
export function isGrantStanding(record: WriterRecord | undefined, { nodeName, epoch }: Grant): boolean {
  const grant = record === undefined ? undefined : standingGrant(record);
  return grant?.nodeName === nodeName && grant.epoch === epoch;
}
