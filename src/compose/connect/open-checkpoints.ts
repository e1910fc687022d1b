import { join } from "node:path";
import {
  openFileNodeCheckpoints,
  readFileNodeCheckpoints,
} from "../../adapters/linux/checkpoints/file-node-checkpoints.ts";
import type { NodeCheckpoints } from "../../ports/host/node-checkpoints.ts";
import type { Logger } from "../../ports/logger.ts";

/**
 * Opens a node's checkpoints, in its state folder, for its plug-in alone. Throws if they are damaged; logs if
 * one of their two files is, or was removed.
 */
export async function openCheckpoints(stateDir: string, logger: Logger): Promise<NodeCheckpoints> {
  const { faultyFile, ...checkpoints } = await openFileNodeCheckpoints(fileIn(stateDir));
  const path = faultyFile?.path;
  if (faultyFile?.fault === "damaged")
    logger.warn("a file of the node's checkpoints is damaged: the other counts, without the last change", {
      path,
      remedy:
        "none after a power failure or a kill, which has interrupted the write; otherwise check the node's " +
        "disk, which has not kept what was written (mostly a heartbeat)",
    });
  if (faultyFile?.fault === "missing")
    logger.warn("a file of the node's checkpoints was removed: the other counts", {
      path,
      remedy:
        "find out what has removed it, maybe with the last change (mostly a heartbeat): both files are the " +
        "node plug-in's alone, which makes this one again",
    });
  return checkpoints;
}

/** Reads them while the node's plug-in may write. Throws if they are damaged. */
export function readCheckpoints(stateDir: string): ReturnType<typeof readFileNodeCheckpoints> {
  return readFileNodeCheckpoints(fileIn(stateDir));
}

function fileIn(stateDir: string): string {
  return join(stateDir, "volumes.json");
}
