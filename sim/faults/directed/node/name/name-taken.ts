import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../../fault-class.ts";

/** When the disk's last update has failed in Azure, in milliseconds. */
const FAILED_AFTER_MS = 8_000;

/**
 * A user requests a volume by the name of one of the other cluster's, sometimes in upper case, which Azure
 * treats as the same disk, and gives up some time later. Sometimes the disk's last update has failed, as
 * after a failed creation. Provisioners derive names from claims' uids, which no two clusters share: here
 * a person has chosen the name.
 */
export const nameTaken: FaultVariant = {
  forMs: [5_000, 40_000],
  isDirected: true,
  begin: ({ world, beside, later }, { dice }) => {
    const made = (beside?.cluster.workloads() ?? []).filter(
      ({ volumeName }) => beside?.cluster.diskUriOf(volumeName) !== undefined,
    );
    if (made.length === 0) return overAtOnce;
    const workload = pick(made, dice);
    const volumeName = diceAgain(dice, 1) < 0.5 ? workload.volumeName : workload.volumeName.toUpperCase();
    const diskUri = beside?.cluster.diskUriOf(workload.volumeName) ?? "";
    let hasGivenUp = false;
    const request = (): void => {
      if (!hasGivenUp) world.cluster.apply({ ...workload, volumeName });
    };
    if (diceAgain(dice, 2) < 0.5) request();
    else {
      const effect = { kind: "FailOperation", code: "InternalOperationError", applied: "none" } as const;
      world.azure.model.faults.add({ operation: "Disks_Update", disk: diskUri, times: 1, effect });
      world.azure.growOutside(diskUri, workload.sizeGiB);
      later(FAILED_AFTER_MS, request);
    }
    return () => {
      hasGivenUp = true;
      world.cluster.deleteWorkload(volumeName);
    };
  },
};
