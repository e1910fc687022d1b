import { findDisk } from "../../../../src/emulator/model/world.ts";
import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { backUpAndRestore } from "./restored-with-cluster.ts";

/** How long after the backup users make each change, in milliseconds. */
const CHANGED_AFTER_MS = [0, 3_000, 10_000, 20_000] as const;
/** The part of the fault that is left once there is a volume to delete. */
const BACKUP_SHARE = 0.7;

/** What users do between backup and restore, and do again after it, since the backup knows nothing of it. */
interface Change {
  readonly make: () => void;
  /** Called right before the restore, if it was made by then. */
  readonly repair: () => () => void;
}

/**
 * A backup of etcd is restored, since which users have deleted a volume and a snapshot, created a volume that
 * a pod writes, and a snapshot, and grown a volume. They delete again what is back, ask again for the size
 * and the snapshot, and make a PersistentVolume of the disk that only Azure has kept.
 */
export const restoredWithChanges: FaultVariant = {
  forMs: [90_000, 160_000],
  isDirected: true,
  begin: (context, { volumeName, atMs, forMs, dice }) => {
    const { world, when, later, create, act, grow } = context;
    const { cluster, azure } = world;
    const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
    if (workload === undefined) return () => undefined;
    const [doomed, added] = [`${volumeName}-doomed-${atMs}`, `${volumeName}-added-${atMs}`];
    const [oldSnapshot, newSnapshot] = [`old-of-${volumeName}-${atMs}`, `new-of-${volumeName}-${atMs}`];
    const sizeGiB = 2 * workload.sizeGiB;
    const snapshot = (name: string): void => act({ kind: "snapshot", volumeName, name });
    const deleteOld = (): void => act({ kind: "deleteSnapshot", name: oldSnapshot });
    let end = (): void => undefined;

    const changes: readonly Change[] = [
      {
        make: () => act({ kind: "delete", volumeName: doomed }),
        repair: () => () => cluster.deleteWorkload(doomed),
      },
      {
        make: () => create({ ...workload, volumeName: added }),
        repair: () => {
          const diskUri = cluster.diskUriOf(added);
          if (diskUri === undefined) return () => act({ kind: "delete", volumeName: added });
          const zones = findDisk(azure.model.world, diskUri)?.zones ?? [];
          return () => create({ ...workload, volumeName: added, staticDisk: { diskUri, zones } });
        },
      },
      { make: () => grow(volumeName, sizeGiB), repair: () => () => cluster.grow(volumeName, sizeGiB) },
      { make: () => snapshot(newSnapshot), repair: () => () => snapshot(newSnapshot) },
      { make: deleteOld, repair: () => deleteOld },
    ];

    create({ ...workload, volumeName: doomed });
    snapshot(oldSnapshot);
    when(
      () => cluster.diskUriOf(doomed),
      () => {
        const made = new Set<Change>();
        end = backUpAndRestore(context, { forMs: BACKUP_SHARE * forMs, dice }, () =>
          [...made].map(({ repair }) => repair()),
        );
        for (const [at, change] of changes.entries())
          later(pick(CHANGED_AFTER_MS, diceAgain(dice, 20 + at)), () => {
            made.add(change);
            change.make();
          });
      },
    );
    return () => end();
  },
};
