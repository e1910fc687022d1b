import { status } from "@grpc/grpc-js";
import { CsiError } from "./lab/csi-clients.ts";
import { waitUntil } from "./wait-until.ts";

const UNDER_WAY: readonly number[] = [status.ABORTED, status.UNAVAILABLE];

/**
 * Repeats a call while the answer is that work is in progress, or one of `also`, as orchestrators do.
 * Throws with `what` after the timeout.
 */
export async function untilServed<T>(
  what: string,
  timeoutMs: number,
  call: () => Promise<T>,
  also: readonly number[] = [],
): Promise<T> {
  const { answer } = await waitUntil(what, timeoutMs, async () => {
    try {
      return { answer: await call() };
    } catch (error) {
      if (error instanceof CsiError && [...UNDER_WAY, ...also].includes(error.code)) return undefined;
      throw error;
    }
  });
  return answer;
}
