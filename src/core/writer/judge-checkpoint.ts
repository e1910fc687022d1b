import type { NodeStatus } from "../api/az-driver-node.ts";
import { isEpochWithinReach } from "../api/epoch.ts";
import { LUNS_MAX } from "../azure/choose-luns.ts";

/**
 * The most checkpoints of one node that are believed without an attachment or record that names the node:
 * as many as a VM has data disks. A store after a rollback lacks recent attachments, so a node may know
 * more than the objects.
 */
export const UNEXPLAINED_CHECKPOINTS_MAX = LUNS_MAX;

export type CheckpointVerdict =
  | { readonly kind: "believed"; readonly epoch: number | undefined; readonly objection: string | undefined }
  | { readonly kind: "ignored"; readonly objection: string };

/**
 * Judges a node's checkpoint of one volume. It only makes the node unverified, which Azure resolves; an
 * epoch out of reach is not adopted. `isExplained`: an attachment or a record names this node for that
 * volume.
 */
export function judgeCheckpoint(
  checkpoints: readonly Pick<NodeStatus["volumes"][number], "volumeName" | "epoch">[],
  context: {
    readonly volumeName: string;
    readonly recordedEpoch: number;
    readonly isExplained: (volumeName: string) => boolean;
  },
): CheckpointVerdict | undefined {
  const { volumeName, recordedEpoch, isExplained } = context;
  const own = checkpoints.filter((checkpoint) => checkpoint.volumeName === volumeName);
  if (own.length === 0) return undefined;
  const unexplained = [...new Set(checkpoints.map((checkpoint) => checkpoint.volumeName))].filter(
    (name) => !isExplained(name),
  );
  if (unexplained.indexOf(volumeName) >= UNEXPLAINED_CHECKPOINTS_MAX)
    return {
      kind: "ignored",
      objection:
        `it reports more than ${UNEXPLAINED_CHECKPOINTS_MAX} volumes ` +
        `of which no object says that they were attached to it`,
    };
  const epochs = own.map(({ epoch }) => epoch);
  const believed = epochs.filter((epoch) => isEpochWithinReach(epoch, recordedEpoch));
  const objection =
    believed.length === epochs.length
      ? undefined
      : `it reports epoch ${Math.max(...epochs)}, and the record is at ${recordedEpoch}`;
  return { kind: "believed", epoch: believed.length === 0 ? undefined : Math.max(...believed), objection };
}
