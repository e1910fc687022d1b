import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { attempt, errorCode } from "./attempt.ts";
import type { SystemCalls } from "./system-calls.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

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
    await attempt(`lock ${directory}`, async () => {
      try {
        await systemCalls.flock(file.fd, LOCK_EX | LOCK_NB);
      } catch (error) {
        if (errorCode(error) === "EAGAIN")
          throw new Error("another data plane uses it; end that one or choose another directory", {
            cause: error,
          });
        throw error;
      }
    });
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}
