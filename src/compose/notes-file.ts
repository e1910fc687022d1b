import { join } from "node:path";

/** The file with a node's notes, in its state folder. */
export function notesFile(stateDir: string): string {
  return join(stateDir, "volumes.json");
}
