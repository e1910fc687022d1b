import type { AzVolume, WriterRecord } from "../../../core/api/az-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { unverifiedOn } from "../../../core/writer/record/unverified-on.ts";
import type { ControllerContext } from "../controller-context.ts";

/** A node that the volume is unpublished from, as the orchestrator reports it when the call begins. */
interface UnpublishedNode {
  readonly nodeName: string;
  readonly isOutOfService: boolean;
  /** It is out of service, or no node of that name exists. */
  readonly isLost: boolean;
}

/** A volume, by a version that may be older by some reads, and the node that it is unpublished from. */
export interface UnpublishTarget {
  readonly volume: AzVolume;
  readonly volumeId: string;
  readonly node: UnpublishedNode;
}

/**
 * Reads past the cache a node that it shows as out of service or gone: it may not show yet that the Node was
 * recreated. One that it shows in service counts as that: nothing is fenced for a mark that was not seen.
 */
export async function readUnpublishedNode(
  { clusterVolumes, users }: ControllerContext,
  nodeName: string,
  signal: AbortSignal,
): Promise<UnpublishedNode> {
  const cached = users.cachedNode(nodeName);
  if (cached.isOutOfService && (await users.isOutOfService(nodeName, signal)))
    return { nodeName, isOutOfService: true, isLost: true };
  const isGone = cached.isGone && (await clusterVolumes.nodePresence(nodeName, signal)) === "gone";
  return { nodeName, isOutOfService: false, isLost: isGone };
}

/** The names of the record's unverified entries that may be of the node's VM. */
export function unverifiedNamesOf(
  { users }: ControllerContext,
  record: WriterRecord | undefined,
  { nodeName, isLost }: UnpublishedNode,
): readonly string[] {
  const { instanceUri } = users.cachedNode(nodeName);
  return unverifiedOn(record, { nodeName, instanceUri, isLost }).map((entry) => entry.nodeName);
}

/** The object was recreated, and its disk has not been read yet. */
export function diskNotRead(volumeId: string): Failure {
  return { kind: "StillWaiting", volumeId, what: "its disk to be looked at" };
}
