import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { attempt } from "./attempt.ts";
import { lockOpenFile } from "./lock-open-file.ts";
import type { SystemCalls } from "./system-calls.ts";

/**
 * Locks a directory for this data plane, since a starting data plane cuts the loop devices that it finds
 * there. The lock ends with the process, however that ends.
 */
export async function lockDirectory(
  directory: string,
  systemCalls: SystemCalls,
): Promise<{ release(): Promise<void> }> {
  const file = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await attempt(`lock ${directory}`, () =>
      lockOpenFile(
        systemCalls,
        file.fd,
        "another data plane uses it; end that one or choose another directory",
      ),
    );
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}
