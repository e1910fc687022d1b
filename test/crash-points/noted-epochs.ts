import type { Lab } from "../../demo/lab/lab.ts";
import { readCheckpoints } from "../../src/compose/connect/open-checkpoints.ts";

/** The checkpoints of a node: the epoch of its mount, for each volume that it has or may have. */
export async function checkpointedEpochs(lab: Lab, nodeName: string): Promise<ReadonlyMap<string, number>> {
  const node = lab.nodes.get(nodeName);
  if (node === undefined) throw new Error(`the lab has no ${nodeName}`);
  const checkpoints = await readCheckpoints(node.seenFromOutside(node.stateDirectory));
  return new Map(checkpoints.volumes.map(({ volumeName, epoch }) => [volumeName, epoch]));
}
