import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../demo/lab/lab.ts";

/** The checkpoints of a node: the epoch of its mount, for each volume that it has or may have. */
export async function checkpointedEpochs(lab: Lab, nodeName: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(join(lab.directory, nodeName, "state", "volumes.json"), "utf8");
  const { volumes } = JSON.parse(text) as {
    readonly volumes: readonly { readonly volumeName: string; readonly epoch: number }[];
  };
  return new Map(volumes.map(({ volumeName, epoch }) => [volumeName, epoch]));
}
