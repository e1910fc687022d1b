import type { AzVolume } from "../../core/api/az-volume.ts";
import { waitingTimeMs } from "../messages/waiting-time.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * Waits until `isDone` holds for a volume, as long as caller and limits allow, and returns the volume
 * as it is then: the caller judges it. Undefined: the volume is gone, or replaced by another of its
 * name. `volume` was read or written just now: nothing older counts. Rejects with the signal's reason.
 */
export async function waitForVolume(
  context: ControllerContext,
  volume: AzVolume,
  isDone: (volume: AzVolume) => boolean,
  call: CallContext,
): Promise<AzVolume | undefined> {
  const { cache, limits } = context;
  const { name, uid } = volume.metadata;
  cache.remember("AzVolume", volume);
  await cache.waitUntil(
    "AzVolume",
    name,
    (present) => present?.metadata.uid !== uid || isDone(present),
    waitingTimeMs(context, call, limits.waitMaxMs),
    call.signal,
  );
  const present = cache.get("AzVolume", name);
  return present?.metadata.uid === uid ? present : undefined;
}

/**
 * Waits, for `grantWaitMs` at most, until `isDone` holds for a volume whose disk is being read: that ends
 * within moments. Undefined: it has not by then. `volume` was read or written just now.
 */
export async function waitForDiskRead(
  { cache, limits }: ControllerContext,
  volume: AzVolume,
  isDone: (volume: AzVolume) => boolean,
  signal: AbortSignal,
): Promise<AzVolume | undefined> {
  cache.remember("AzVolume", volume);
  return await cache.waitFor(
    "AzVolume",
    volume.metadata.name,
    (present) => present !== undefined && isDone(present),
    limits.grantWaitMs,
    signal,
  );
}
