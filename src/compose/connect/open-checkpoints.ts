import { join } from "node:path";
import {
  openFileNodeCheckpoints,
  readFileNodeCheckpoints,
} from "../../adapters/linux/checkpoints/file-node-checkpoints.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";

/** Opens a node's checkpoints, in its state folder, for its plug-in alone. Throws if they are damaged. */
export function openCheckpoints(stateDir: string): Promise<NodeCheckpoints> {
  return openFileNodeCheckpoints(fileIn(stateDir));
}

/** Reads them while the node's plug-in may write. Throws if they are damaged. */
export function readCheckpoints(stateDir: string): ReturnType<typeof readFileNodeCheckpoints> {
  return readFileNodeCheckpoints(fileIn(stateDir));
}

function fileIn(stateDir: string): string {
  return join(stateDir, "volumes.json");
}
