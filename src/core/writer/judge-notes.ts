import { isEpochWithinReach } from "../api/epoch.ts";
import { LUNS_MAX } from "../azure/choose-lun.ts";

/** A volume that a node says it has mounted, or was about to mount. */
export interface ReportedCheckpoint {
  readonly volumeName: string;
  readonly epoch: number;
}

/**
 * Notes of one node that are believed though neither an attachment nor a record names the node: as many as
 * a VM has data disks at most. An object store that went back lacks what was attached since, so that a node
 * may have more to tell than the objects.
 */
export const UNEXPLAINED_CHECKPOINTS_MAX = LUNS_MAX;

/** What becomes of one note. */
export type CheckpointVerdict =
  | { readonly kind: "believed"; readonly epoch: number | undefined; readonly doubt: string | undefined }
  | { readonly kind: "ignored"; readonly doubt: string };

/**
 * Judges what a node reports of one volume. A note makes a node unverified, which Azure settles, and no
 * more; an epoch that is out of reach is not taken over. `isExplained`: an attachment or a record names
 * this node for that volume.
 */
export function judgeCheckpoint(
  checkpoints: readonly ReportedCheckpoint[],
  asked: {
    readonly volumeName: string;
    readonly recordedEpoch: number;
    readonly isExplained: (volumeName: string) => boolean;
  },
): CheckpointVerdict | undefined {
  const { volumeName, recordedEpoch, isExplained } = asked;
  const own = checkpoints.filter((checkpoint) => checkpoint.volumeName === volumeName);
  if (own.length === 0) return undefined;
  const unexplained = [...new Set(checkpoints.map((checkpoint) => checkpoint.volumeName))].filter(
    (name) => !isExplained(name),
  );
  if (unexplained.indexOf(volumeName) >= UNEXPLAINED_CHECKPOINTS_MAX)
    return {
      kind: "ignored",
      doubt: `it reports more than ${UNEXPLAINED_CHECKPOINTS_MAX} volumes of which no object says that they were attached to it`,
    };
  const epochs = own.map(({ epoch }) => epoch);
  const believed = epochs.filter((epoch) => isEpochWithinReach(epoch, recordedEpoch));
  const doubt =
    believed.length === epochs.length
      ? undefined
      : `it reports epoch ${Math.max(...epochs)}, and the record is at ${recordedEpoch}`;
  return { kind: "believed", epoch: believed.length === 0 ? undefined : Math.max(...believed), doubt };
}
