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
  const grant = isGrantNeeded ? standingGrant(recordOf(observed)) : undefined;
  const namesOf = (attachments: readonly AzVolumeAttachment[]): readonly string[] =>
    attachments.map(({ metadata }) => metadata.name);
  return {
    kind: "OthersStay",
    nonReplicaNames: namesOf(nonReplicasOf(observed)),
    replicaNames: namesOf(replicas),
    ...(grant === undefined ? {} : { grant }),
  };
}

export function nonReplicasOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed).filter((attachment) => !isReplica(recordOf(observed), attachment));
}

/** The grant of a record whose node uses the volume; undefined: there is none, or it ends. */
export function standingGrant(record: WriterRecord | undefined): Grant | undefined {
  const { writer, fencing } = record ?? {};
  return writer?.requested === true && fencing === undefined
    ? { nodeName: writer.nodeName, epoch: writer.epoch }
    : undefined;
}

/** Whether a record still has that grant, and its node uses the volume. */
export function isGrantStanding(record: WriterRecord | undefined, { nodeName, epoch }: Grant): boolean {
  const grant = standingGrant(record);
  return grant?.nodeName === nodeName && grant.epoch === epoch;
}
