import type { AzVolume } from "../../core/model/az-volume.ts";
import type { CallContext } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/** Left for the answer to reach the caller before its own deadline: then it learns what is waited for, not only that time is over. */
const ANSWER_MARGIN_MS = 250;

/**
 * Waits until `isDone` holds for a volume, as long as caller and settings allow, and answers the volume as it is then: the caller judges it.
 * Undefined: it is gone, or another of its name is there. `volume` was read or written just now: nothing older counts. Rejects with the signal's reason.
 */
export async function waitForVolume(
  context: Pick<ControllerContext, "cache" | "clock" | "settings">,
  volume: AzVolume,
  isDone: (volume: AzVolume) => boolean,
  call: CallContext,
): Promise<AzVolume | undefined> {
  const { cache, clock, settings } = context;
  const { name, uid } = volume.metadata;
  cache.remember("AzVolume", volume);
  const leftMs = call.deadlineMs - clock.elapsedMs() - ANSWER_MARGIN_MS;
  const timeoutMs = Math.max(0, Math.min(leftMs, settings.waitMaxMs));
  await cache.waitUntil("AzVolume", name, (present) => present?.metadata.uid !== uid || isDone(present), { timeoutMs, clock }, call.signal);
  const present = cache.get("AzVolume", name);
  return present?.metadata.uid === uid ? present : undefined;
}
