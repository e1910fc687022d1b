import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { WatchBroken, WatchGone } from "../ports/object-store.ts";
import type { Kind, KindMap, ObjectStore, WatchEvent } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";

/** How patient a follower of the store is, in milliseconds. */
export interface FollowSettings {
  /** A watch that has told nothing, not even a bookmark, for so long is given up and begun again. Must be longer than the store's bookmark interval. Default 90,000. */
  readonly stallTimeoutMs: number;
  /** The first wait after a failure. Default 50. Doubles with each further one, with jitter. */
  readonly backoffBaseMs: number;
  /** The longest wait between two attempts. Default 10,000. */
  readonly backoffMaxMs: number;
}

/** Settings where nobody chose others; the stall time-out suits Kubernetes' bookmarks (one a minute). */
export const defaultFollowSettings: FollowSettings = { stallTimeoutMs: 90_000, backoffBaseMs: 50, backoffMaxMs: 10_000 };

/** Who is told what the store says of one kind. */
export interface Follower<K extends Kind> {
  listed(items: readonly KindMap[K][], resourceVersion: string): void;
  told(event: WatchEvent<K>): void;
}

interface FollowPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: FollowSettings;
}

type WatchEnd = "gone" | "broken" | "stalled" | "failed" | "ended";

/**
 * Lists a kind, then watches it, for ever: resumes where a watch broke off or stalled, lists again where the store has forgotten that version, and
 * waits with back-off and jitter between attempts that brought nothing. Returns once `signal` is aborted and nothing is left running.
 */
export async function followStore<K extends Kind>(ports: FollowPorts, kind: K, follower: Follower<K>, signal: AbortSignal): Promise<void> {
  const { store, clock, random, logger, settings } = ports;
  let version: string | undefined;
  let failures = 0;

  async function backOff(): Promise<void> {
    const delayMs = Math.min(settings.backoffMaxMs, settings.backoffBaseMs * 2 ** Math.min(failures, 30));
    failures++;
    await clock.sleep(delayMs * (0.5 + random.next() / 2), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async function list(): Promise<void> {
    const listed = await store.list(kind, {}, signal);
    if (listed.ok) {
      version = listed.value.resourceVersion;
      follower.listed(listed.value.items, version);
    } else if (!signal.aborted) {
      logger.warn("store list failed", { objectKind: kind, failure: listed.failure });
      await backOff();
    }
  }

  async function watchOnce(from: string): Promise<void> {
    const end = await watchUntilItEnds({ store, clock, kind, from, stallTimeoutMs: settings.stallTimeoutMs, signal }, (event) => {
      failures = 0;
      version = event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
      follower.told(event);
    });
    if (signal.aborted) return;
    logger.warn("store watch ended", { objectKind: kind, reason: end.reason, detail: end.detail, resourceVersion: version });
    if (end.reason === "gone") version = undefined;
    await backOff();
  }

  while (!signal.aborted) {
    if (version === undefined) await list();
    else await watchOnce(version);
  }
}

/** One watch, from its beginning until it ends in whatever way. */
async function watchUntilItEnds<K extends Kind>(
  request: {
    readonly store: ObjectStore;
    readonly clock: Clock;
    readonly kind: K;
    readonly from: string;
    readonly stallTimeoutMs: number;
    readonly signal: AbortSignal;
  },
  told: (event: WatchEvent<K>) => void,
): Promise<{ readonly reason: WatchEnd; readonly detail: string }> {
  const { store, clock, kind, from, stallTimeoutMs, signal } = request;
  const ended = new AbortController();
  const abort = (): void => ended.abort();
  let heardAtMs = clock.elapsedMs();
  let isStalled = false;

  async function listen(): Promise<{ readonly reason: WatchEnd; readonly detail: string }> {
    try {
      for await (const event of store.watch(kind, {}, from, ended.signal)) {
        heardAtMs = clock.elapsedMs();
        told(event);
      }
      return isStalled ? { reason: "stalled", detail: `nothing was heard for ${stallTimeoutMs} ms` } : { reason: "ended", detail: "the store ended the watch" };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      if (error instanceof WatchGone) return { reason: "gone", detail };
      return { reason: error instanceof WatchBroken ? "broken" : "failed", detail };
    } finally {
      ended.abort();
    }
  }

  async function giveUpWhenStalled(): Promise<void> {
    while (!ended.signal.aborted) {
      const leftMs = heardAtMs + stallTimeoutMs - clock.elapsedMs();
      if (leftMs <= 0) {
        isStalled = true;
        ended.abort();
        return;
      }
      await clock.sleep(leftMs, ended.signal).catch((error: unknown) => {
        if (!ended.signal.aborted) throw error;
      });
    }
  }

  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const [end] = await Promise.all([listen(), giveUpWhenStalled()]);
    return end;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
