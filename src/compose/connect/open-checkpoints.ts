import { join } from "node:path";
import { openFileNodeCheckpoints } from "../../adapters/linux/checkpoints/file-node-checkpoints.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";

/** Opens a node's checkpoints, in its state folder. Throws if they are damaged. */
export function openCheckpoints(stateDir: string): Promise<NodeCheckpoints> {
  return openFileNodeCheckpoints(join(stateDir, "volumes.json"));
}
