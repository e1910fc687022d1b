import type { AzVolume } from "../api/az-volume.ts";
import type { NodeKey } from "../api/identity/node-identity.ts";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import type { ReplicaAction } from "../attachment/replicas/replica-action.ts";
import { aDiskSpec, agoMs, anAttachment, attachmentName, aVolume, aWriter, identity } from "./objects.ts";

/** For how long a volume may be unrequested until its replicas are pruned, in milliseconds. */
export const pruneMs = 300_000;

/** The spec of a volume with two replicas. */
export const asked = { disk: aDiskSpec(), maxMountReplicaCount: 2 };

/** The spec of a volume with one replica, whose disk has no share for another. */
export const tight = { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 };

/** A record that names the writer `node-a`. */
export const writerOnA = { writer: aWriter("node-a") };

/** The attachment of that writer. */
export const primary = anAttachment("node-a");

/** The status of a replica whose every attempt failed. */
export const failed = {
  state: "AttachmentFailed",
  error: { kind: "CloudRejected", message: "", failure: "{}", time: agoMs(0), retries: 3 },
} as const;

/** The same, with the time of the last attempt. */
export const failedAgo = (ms: number) => ({ ...failed, error: { ...failed.error, time: agoMs(ms) } });

/** A deletion that rests on no condition. */
export function deletes(
  nodeName: string,
  because: string,
): Extract<ReplicaAction, { kind: "DeleteAttachment" }> {
  return { kind: "DeleteAttachment", attachmentName: attachmentName(nodeName), because };
}

export const creates = (nodeName: string): ReplicaAction => ({ kind: "CreateReplica", nodeName });

export const fencedFrom = (
  nodeName: string,
  node: NodeKey | string = { nodeName, vmId: identity(nodeName).vmId },
): ReplicaAction => ({
  ...deletes(nodeName, "its node is fenced from the disk"),
  onlyWhile: { kind: "Quarantined", node },
});

/**
 * The deletion of a surplus replica: only while the attachments on those nodes stay, `others` are no
 * replicas, and the grant, if any, stands.
 */
export const trims = (
  nodeName: string,
  others: readonly string[],
  replicas: readonly string[] = [],
  grant?: { readonly nodeName: string; readonly epoch: number },
): ReplicaAction => ({
  ...deletes(nodeName, "it is more than requested, or a primary needs its share"),
  onlyWhile: {
    kind: "OthersStay",
    nonReplicaNames: others.map((other) => attachmentName(other)),
    replicaNames: replicas.map((other) => attachmentName(other)),
    ...(grant === undefined ? {} : { grant }),
  },
});

/** The next plan, after that time. */
export const planAgain = (afterMs: number): ReplicaAction => ({ kind: "Requeue", afterMs });

/** A volume without a writer record: several nodes may write. */
export function severalWriters(spec: Partial<AzVolume["spec"]>): AzVolume {
  const { record: _, ...status } = aVolume({ spec }).status ?? {
    state: "Created",
    observedGeneration: 1,
    conditions: [],
  };
  return {
    ...aVolume({
      spec: { ...spec, capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
    }),
    status,
  };
}

/** What `planReplicas` has to answer. */
export interface ReplicaPlan {
  readonly because: string;
  readonly observed: ObservedVolume;
  readonly plan: readonly ReplicaAction[];
}
