import { diceAgain, type FaultVariant, overAtOnce } from "../../fault-class.ts";

const OTHERS_SHARE = 0.25;

/**
 * Another tool replaces all tags of the volume's disk, as Terraform does with a disk in its state. Sometimes
 * the new tags are those of another cluster.
 */
export const tagsReplaced: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: ({ world }, { volumeName, dice }) => {
    const diskUri = world.cluster.diskUriOf(volumeName);
    if (diskUri === undefined) return overAtOnce;
    const others = { "disk.csi.azure.com-cluster-id": "cluster-of-others" };
    const tags = diceAgain(dice, 1) < OTHERS_SHARE ? others : { owner: "terraform" };
    world.azure.replaceTagsOutside(diskUri, tags);
    return overAtOnce;
  },
};
