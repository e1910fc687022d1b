import { diceAgain, type FaultVariant, overAtOnce, pick } from "../fault-class.ts";

/**
 * A user asks for a volume by the name of one of the other cluster's, sometimes in upper case, which Azure
 * takes for the same disk, and gives up some time later. Provisioners make names of claims' uids, which no
 * two clusters share: here a person has chosen it.
 */
export const nameTaken: FaultVariant = {
  forMs: [5_000, 40_000],
  isDirected: true,
  begin: ({ world, beside }, { dice }) => {
    const made = (beside?.cluster.workloads() ?? []).filter(({ volumeName }) => beside?.cluster.diskUriOf(volumeName) !== undefined);
    if (made.length === 0) return overAtOnce;
    const workload = pick(made, dice);
    const volumeName = diceAgain(dice, 1) < 0.5 ? workload.volumeName : workload.volumeName.toUpperCase();
    world.cluster.apply({ ...workload, volumeName });
    return () => world.cluster.deleteWorkload(volumeName);
  },
};
