import { join } from "node:path";
import { openFileNodeNotes } from "../adapters/linux/file-node-notes.ts";
import type { NodeNotes } from "../ports/node-notes.ts";

/** Opens a node's notes, in its state folder. Throws if they are damaged. */
export function openNotes(stateDir: string): Promise<NodeNotes> {
  return openFileNodeNotes(join(stateDir, "volumes.json"));
}
