import assert from "node:assert/strict";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { PRUNE_AFTER_MS } from "./driver-lab.ts";
import { attachmentsOf, type Workloads } from "./workload/workloads.ts";

/** A missing replica is noticed within a minute; then it has to be attached, and to grow old. */
const OLD_MAX_MS = 240_000;
/** They grow old within tens of seconds. */
const LOOK_EVERY_MS = 500;

/** The uid of each attached replica of a volume, by node: another uid means another attach. */
export type Replicas = ReadonlyMap<string, string>;

/**
 * Waits until every attached replica of a claim's volume is older than unrequested replicas are kept, and
 * returns them. There is at least one if the volume requests replicas, and none otherwise.
 */
export async function untilReplicasOld(
  { lab, volumeOf }: Pick<Workloads, "lab" | "volumeOf">,
  claim: string,
): Promise<Replicas> {
  const volume = await volumeOf(claim);
  return waitUntil(
    `the replicas of ${claim} to be ${PRUNE_AFTER_MS} ms old`,
    { timeoutMs: OLD_MAX_MS, everyMs: LOOK_EVERY_MS },
    async (note) => {
      const attachments = await attachmentsOf(lab, volume.metadata.name);
      note([...attachments].map(([nodeName, { status }]) => ({ nodeName, ...status })));
      return oldReplicas(volume, attachments, Date.now());
    },
  );
}

/** The attached replicas of a volume, by node. Undefined while one is young, or one is missing. */
export function oldReplicas(
  { spec }: Pick<AzVolume, "spec">,
  attachments: ReadonlyMap<string, AzVolumeAttachment>,
  nowMs: number,
): Replicas | undefined {
  const replicas = [...attachments].filter(([, attachment]) => isAttachedReplica(attachment));
  if (replicas.length === 0 && spec.maxMountReplicaCount > 0) return undefined;
  if (replicas.some(([, { metadata }]) => nowMs - Date.parse(metadata.creationTimestamp) <= PRUNE_AFTER_MS))
    return undefined;
  return new Map(replicas.map(([nodeName, { metadata }]) => [nodeName, metadata.uid]));
}

/** A pod on the node of a replica uses that replica, and not a new attachment. */
export async function assertReplicaKept(
  { lab, volumeOf }: Pick<Workloads, "lab" | "volumeOf">,
  claim: string,
  nodeName: string,
  before: Replicas,
): Promise<void> {
  const uid = before.get(nodeName);
  if (uid === undefined) return;
  const now = await attachmentsOf(lab, (await volumeOf(claim)).metadata.name);
  assert.equal(
    now.get(nodeName)?.metadata.uid,
    uid,
    `the replica of ${claim} on ${nodeName} is promoted: it is neither pruned nor attached again`,
  );
}

function isAttachedReplica({ metadata, spec, status }: AzVolumeAttachment): boolean {
  return spec.role === "Replica" && status?.state === "Attached" && metadata.deletionTimestamp === undefined;
}
