import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { WatchBroken, WatchGone } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";
import type { Source, SourceEvent, SourceObject } from "../ports/source.ts";

/** How patient a follower is, in milliseconds. */
export interface FollowSettings {
  /** A watch that has told nothing, not even a bookmark, for so long is given up and begun again. Must be longer than the source's bookmark interval. Default 90,000. */
  readonly stallTimeoutMs: number;
  /** The first wait after a failure. Default 50. Doubles with each further one, with jitter. */
  readonly backoffBaseMs: number;
  /** The longest wait between two attempts. Default 10,000. */
  readonly backoffMaxMs: number;
}

/** Settings where nobody chose others; the stall time-out suits Kubernetes' bookmarks (one a minute). */
export const defaultFollowSettings: FollowSettings = { stallTimeoutMs: 90_000, backoffBaseMs: 50, backoffMaxMs: 10_000 };

/** Who is told what a source says. */
export interface Follower<T extends SourceObject> {
  listed(items: readonly T[], resourceVersion: string): void;
  told(event: SourceEvent<T>): void;
}

/** What following needs. */
export interface FollowPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: FollowSettings;
}

interface WatchEnd {
  readonly reason: "gone" | "broken" | "stalled" | "failed" | "ended";
  readonly detail: string;
  readonly livedMs: number;
}

/**
 * Lists a source, then watches it, for ever: resumes where a watch ended, broke off or stalled, lists again where the source has forgotten that version, and
 * waits with back-off and jitter between attempts that brought nothing. Returns once `signal` is aborted and nothing is left running.
 */
export async function followSource<T extends SourceObject>(ports: FollowPorts, source: Source<T>, follower: Follower<T>, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, settings } = ports;
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
    const listed = await source.list(signal);
    if (listed.ok) {
      version = listed.value.resourceVersion;
      follower.listed(listed.value.items, version);
    } else if (!signal.aborted) {
      logger.warn("list failed", { source: source.name, failure: listed.failure });
      await backOff();
    }
  }

  async function watchOnce(from: string): Promise<void> {
    const end = await watchUntilItEnds({ source, clock, from, stallTimeoutMs: settings.stallTimeoutMs, signal }, (event) => {
      failures = 0;
      version = event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
      follower.told(event);
    });
    if (signal.aborted) return;
    const { reason, detail, livedMs } = end;
    // Servers end each watch after some minutes, to spread their watchers; one that ends watches as fast as they are begun is in trouble.
    if (reason === "ended" && livedMs >= settings.backoffMaxMs) return logger.debug("watch ended", { source: source.name, livedMs, resourceVersion: version });
    // Some servers have no bookmarks for what does not change: silence alone is no trouble.
    const log = reason === "stalled" ? logger.info : logger.warn;
    log("watch ended", { source: source.name, reason, detail, resourceVersion: version });
    if (reason === "gone") version = undefined;
    await backOff();
  }

  while (!signal.aborted) {
    if (version === undefined) await list();
    else await watchOnce(version);
  }
}

/** One watch, from its beginning until it ends in whatever way. */
async function watchUntilItEnds<T extends SourceObject>(
  request: {
    readonly source: Source<T>;
    readonly clock: Clock;
    readonly from: string;
    readonly stallTimeoutMs: number;
    readonly signal: AbortSignal;
  },
  told: (event: SourceEvent<T>) => void,
): Promise<WatchEnd> {
  const { source, clock, from, stallTimeoutMs, signal } = request;
  const ended = new AbortController();
  const abort = (): void => ended.abort();
  const begunAtMs = clock.elapsedMs();
  let heardAtMs = begunAtMs;
  let isStalled = false;

  async function listen(): Promise<Omit<WatchEnd, "livedMs">> {
    try {
      for await (const event of source.watch(from, ended.signal)) {
        heardAtMs = clock.elapsedMs();
        told(event);
      }
      return isStalled
        ? { reason: "stalled", detail: `nothing was heard for ${stallTimeoutMs} ms` }
        : { reason: "ended", detail: "the server ended the watch" };
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
    return { ...end, livedMs: clock.elapsedMs() - begunAtMs };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
