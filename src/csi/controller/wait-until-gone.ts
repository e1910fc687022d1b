import type { Failure } from "../../core/failure.ts";
import type { AzVolume } from "../../core/model/az-volume.ts";
import type { Result } from "../../core/result.ts";
import { ok } from "../../core/result.ts";
import type { CallContext } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { waitForVolume } from "./wait-for-volume.ts";

/** Between two looks at the store, in milliseconds, while the cache does not show yet what the store has. */
const CACHE_LAG_MS = 50;

/**
 * Waits until the volume of this uid is gone or `isDone` holds for it. Answers undefined if it is gone, else what the cache shows last. What the
 * cache does not show may only not have reached it yet: *gone* is what the store says.
 */
export async function waitUntilGone(
  context: Pick<ControllerContext, "store" | "cache" | "clock" | "settings">,
  target: { readonly name: string; readonly uid: string },
  isDone: (volume: AzVolume) => boolean,
  call: CallContext,
): Promise<Result<AzVolume | undefined, Failure>> {
  const { name, uid } = target;
  const isSettled = (volume: AzVolume | undefined): boolean => volume?.metadata.uid !== uid || isDone(volume);
  const endMs = Math.min(call.deadlineMs, context.clock.elapsedMs() + context.settings.waitMaxMs);
  for (;;) {
    const shown = await waitForVolume(context, name, isSettled, { ...call, deadlineMs: endMs });
    if (shown?.metadata.uid === uid) return ok(shown);
    const stored = await context.store.get("AzVolume", name, call.signal);
    if (!stored.ok && stored.failure.kind !== "ObjectNotFound") return stored;
    if (!stored.ok || stored.value.metadata.uid !== uid) return ok(undefined);
    if (context.clock.elapsedMs() + CACHE_LAG_MS >= endMs) return ok(stored.value);
    await context.clock.sleep(CACHE_LAG_MS, call.signal);
  }
}
