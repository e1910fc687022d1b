import type { FaultContext } from "../fault-class.ts";

/** Where the volume's pod runs. */
export function runningOn({ world }: Pick<FaultContext, "world">, volumeName: string): string | undefined {
  return world.cluster.pods().find((pod) => pod.volumeName === volumeName && pod.phase === "Running" && !pod.isDeleted)?.nodeName;
}

/** The first node, besides the one that is named, to which no pod is bound: nothing of another volume's is in the way there. */
export function nodeWithoutPods({ world, nodeNames }: Pick<FaultContext, "world" | "nodeNames">, besides: string | undefined): string | undefined {
  return nodeNames.find((name) => name !== besides && world.cluster.pods().every((pod) => pod.nodeName !== name));
}
