import { errorCode } from "./attempt.ts";
import type { SystemCalls } from "./system-calls.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Locks an open file or directory until it is closed, or this process ends, however it ends. Rejects with
 * `ifTaken` if it is locked already.
 */
export async function lockOpenFile(
  systemCalls: SystemCalls,
  descriptor: number,
  ifTaken: string,
): Promise<void> {
  try {
    await systemCalls.flock(descriptor, LOCK_EX | LOCK_NB);
  } catch (error) {
    if (errorCode(error) !== "EAGAIN") throw error;
    throw new Error(ifTaken, { cause: error });
  }
}
