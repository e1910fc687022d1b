import { messageOf } from "../../core/failure/message-of.ts";
import { fullBackoffMs } from "../../core/primitives/backoff.ts";
import { type Clock, sleepUnlessAborted } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type { Source, SourceEvent, SourceObject } from "../../ports/store/source.ts";

/** The time limits of a follower, in milliseconds. */
export interface FollowSettings {
  /**
   * A watch without any event, bookmarks included, for this time is replaced. Must be longer than the
   * source's bookmark interval. Default 90,000.
   */
  readonly stallTimeoutMs: number;
  /**
   * A source without an event, a bookmark or a list for this time is listed at the end of a watch that the
   * server had accepted: a silent watch may be healthy or deliver nothing, and only a list shows which.
   * Default: for ever. A short time has all followers list at once that began together.
   */
  readonly silenceMaxMs: number;
  /** The first wait after a failure. Default 50. Doubles with each further one, with jitter. */
  readonly backoffBaseMs: number;
  /** The longest wait between two attempts. Default 10,000. */
  readonly backoffMaxMs: number;
}

/** Default settings; the stall time-out suits Kubernetes' bookmarks (one a minute). */
export const defaultFollowSettings: FollowSettings = {
  stallTimeoutMs: 90_000,
  silenceMaxMs: Infinity,
  backoffBaseMs: 50,
  backoffMaxMs: 10_000,
};

/**
 * Watches from one version that a server ends with an error of its own before the source is listed: an event
 * that it can't send would keep the follower from all later ones.
 */
const STATED_ERRORS_MAX = 3;

/** The receiver of a source's lists and events. */
export interface Follower<T extends SourceObject> {
  onList(items: readonly T[], resourceVersion: string): void;
  onEvent(event: SourceEvent<T>): void;
}

export interface FollowPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: FollowSettings;
}

interface WatchEnd {
  readonly reason: "gone" | "broken" | "refused" | "stalled" | "failed" | "ended";
  readonly detail: string;
  readonly livedMs: number;
  /** The server had accepted it. */
  readonly wasOpen: boolean;
}

export interface Following {
  /** Resolves once the signal is aborted and nothing is left running. */
  readonly ended: Promise<void>;
  /** Drops what is known of versions, and lists again at once. */
  listAgain(): void;
}

/**
 * Lists a source, then watches it, for ever: resumes where a watch ended, broke off or stalled, lists
 * again where the source no longer keeps that version, only states errors of it, or has been silent for
 * too long on watches that it accepts, and waits with back-off and jitter between attempts without a result.
 */
export function followSource<T extends SourceObject>(
  ports: FollowPorts,
  source: Source<T>,
  follower: Follower<T>,
  signal: AbortSignal,
): Following {
  const { clock, random, logger, settings } = ports;
  let version = "";
  let needsList = true;
  let failures = 0;
  let statedErrors = 0;
  let lastReportAtMs = clock.elapsedMs();
  let endWatch = (): void => undefined;

  async function backOff(): Promise<void> {
    failures++;
    const { backoffBaseMs: baseMs, backoffMaxMs: maxMs } = settings;
    const delayMs = fullBackoffMs({ baseMs, maxMs, attempt: failures });
    await sleepUnlessAborted(clock, delayMs * (0.5 + random.next() / 2), signal);
  }

  async function list(): Promise<void> {
    needsList = false;
    statedErrors = 0;
    const listed = await source.list(signal);
    if (listed.ok) {
      version = listed.value.resourceVersion;
      lastReportAtMs = clock.elapsedMs();
      follower.onList(listed.value.items, version);
    } else if (!signal.aborted) {
      needsList = true;
      logger.warn("list failed", { source: source.name, failure: listed.failure });
      await backOff();
    }
  }

  async function watchOnce(): Promise<void> {
    const ended = new AbortController();
    endWatch = () => ended.abort();
    const end = await watchUntilItEnds(
      { source, clock, from: version, stallTimeoutMs: settings.stallTimeoutMs, signal, ended },
      (event) => {
        failures = 0;
        statedErrors = 0;
        lastReportAtMs = clock.elapsedMs();
        version = event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
        follower.onEvent(event);
      },
    );
    if (signal.aborted || needsList) return;
    const { reason, detail, livedMs, wasOpen } = end;
    const silentMs = clock.elapsedMs() - lastReportAtMs;
    if (wasOpen && silentMs >= settings.silenceMaxMs) needsList = true;
    // Servers end each watch after some minutes, to spread their watchers. One that ends watches as soon
    // as they begin is failing.
    if (reason === "ended" && livedMs >= settings.backoffMaxMs)
      return logger.debug("watch ended", { source: source.name, livedMs, resourceVersion: version });
    // Some servers send no bookmarks for unchanged objects: silence alone is no failure.
    const log = reason === "stalled" ? logger.info : logger.warn;
    log("watch ended", { source: source.name, reason, detail, resourceVersion: version });
    if (wasOpen && livedMs >= settings.backoffMaxMs) failures = 0;
    if (reason === "refused") statedErrors++;
    if (reason === "gone" || statedErrors >= STATED_ERRORS_MAX) needsList = true;
    await backOff();
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) await (needsList ? list() : watchOnce());
  }

  return {
    ended: follow(),
    listAgain: () => {
      needsList = true;
      endWatch();
    },
  };
}

/** One watch, from its beginning to any end. */
async function watchUntilItEnds<T extends SourceObject>(
  request: {
    readonly source: Source<T>;
    readonly clock: Clock;
    readonly from: string;
    readonly stallTimeoutMs: number;
    readonly signal: AbortSignal;
    /** Aborted by this follower or by its caller. */
    readonly ended: AbortController;
  },
  onEvent: (event: SourceEvent<T>) => void,
): Promise<WatchEnd> {
  const { source, clock, from, stallTimeoutMs, signal, ended } = request;
  const abort = (): void => ended.abort();
  const begunAtMs = clock.elapsedMs();
  let lastEventAtMs = begunAtMs;
  let isStalled = false;

  async function receive(): Promise<Omit<WatchEnd, "livedMs">> {
    try {
      for await (const event of source.watch(from, ended.signal)) {
        lastEventAtMs = clock.elapsedMs();
        onEvent(event);
      }
      return isStalled
        ? { reason: "stalled", detail: `no event or bookmark for ${stallTimeoutMs} ms`, wasOpen: true }
        : { reason: "ended", detail: "the server ended the watch", wasOpen: true };
    } catch (error) {
      const detail = messageOf(error);
      if (error instanceof WatchGone) return { reason: "gone", detail, wasOpen: false };
      if (!(error instanceof WatchBroken)) return { reason: "failed", detail, wasOpen: false };
      return { reason: error.isStated ? "refused" : "broken", detail, wasOpen: error.wasOpen };
    } finally {
      ended.abort();
    }
  }

  async function giveUpWhenStalled(): Promise<void> {
    while (!ended.signal.aborted) {
      const leftMs = lastEventAtMs + stallTimeoutMs - clock.elapsedMs();
      if (leftMs <= 0) {
        isStalled = true;
        ended.abort();
        return;
      }
      await sleepUnlessAborted(clock, leftMs, ended.signal);
    }
  }

  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const [end] = await Promise.all([receive(), giveUpWhenStalled()]);
    return { ...end, livedMs: clock.elapsedMs() - begunAtMs };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
