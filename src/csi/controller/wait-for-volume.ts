import type { AzVolume } from "../../core/model/az-volume.ts";
import type { CallContext } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/** Left for the answer to reach the caller before its own deadline: then it learns what is waited for, not only that time is over. */
const ANSWER_MARGIN_MS = 250;

/**
 * Waits until `isDone` holds for the volume as the cache shows it (undefined: gone), as long as caller and settings allow. Answers what the cache
 * shows then: the caller judges it. Rejects with the signal's reason when the call ends.
 */
export async function waitForVolume(
  context: Pick<ControllerContext, "cache" | "clock" | "settings">,
  volumeName: string,
  isDone: (volume: AzVolume | undefined) => boolean,
  call: CallContext,
): Promise<AzVolume | undefined> {
  const leftMs = call.deadlineMs - context.clock.elapsedMs() - ANSWER_MARGIN_MS;
  const timeoutMs = Math.max(0, Math.min(leftMs, context.settings.waitMaxMs));
  await context.cache.waitFor("AzVolume", volumeName, isDone, { timeoutMs, clock: context.clock }, call.signal);
  return context.cache.get("AzVolume", volumeName);
}
