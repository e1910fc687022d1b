import { join } from "node:path";
import { openFileNodeNotes } from "../../adapters/linux/checkpoints/file-node-checkpoints.ts";
import type { NodeNotes } from "../../ports/host/node-checkpoints.ts";

/** Opens a node's notes, in its state folder. Throws if they are damaged. */
export function openNotes(stateDir: string): Promise<NodeNotes> {
  return openFileNodeNotes(join(stateDir, "volumes.json"));
}
