import assert from "node:assert/strict";
import type { AzVolumeAttachment } from "../../src/core/model/az-volume-attachment.ts";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { PRUNE_AFTER_MS } from "./driver-lab.ts";
import { attachmentsOf, type Workloads } from "./workloads.ts";

const OLD_MAX_MS = 60_000;

/** The uid of each attached replica of a volume, by node: another uid is another attach. */
export type Replicas = ReadonlyMap<string, string>;

/**
 * Waits until every attached replica of a claim's volume is older than replicas are kept without a request,
 * and answers them. There may be none.
 */
export async function untilReplicasOld({ lab, volumeOf }: Pick<Workloads, "lab" | "volumeOf">, claim: string): Promise<Replicas> {
  const volumeName = (await volumeOf(claim)).metadata.name;
  return waitUntil(`the replicas of ${claim} to be ${PRUNE_AFTER_MS} ms old`, { timeoutMs: OLD_MAX_MS }, async () => {
    const replicas = [...(await attachmentsOf(lab, volumeName))].filter(([, attachment]) => isAttachedReplica(attachment));
    const areOld = replicas.every(([, { metadata }]) => Date.now() - Date.parse(metadata.creationTimestamp) > PRUNE_AFTER_MS);
    return areOld ? new Map(replicas.map(([nodeName, { metadata }]) => [nodeName, metadata.uid])) : undefined;
  });
}

/** A pod that came to the node of a replica has found that one, and not one that was attached again. */
export async function assertReplicaKept(
  { lab, volumeOf }: Pick<Workloads, "lab" | "volumeOf">,
  claim: string,
  nodeName: string,
  before: Replicas,
): Promise<void> {
  const uid = before.get(nodeName);
  if (uid === undefined) return;
  const now = await attachmentsOf(lab, (await volumeOf(claim)).metadata.name);
  assert.equal(now.get(nodeName)?.metadata.uid, uid, `the replica of ${claim} on ${nodeName} is promoted: it is neither pruned nor attached again`);
}

function isAttachedReplica({ metadata, spec, status }: AzVolumeAttachment): boolean {
  return spec.role === "Replica" && status?.state === "Attached" && metadata.deletionTimestamp === undefined;
}
