export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Undefined: an object of the whole cluster. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
}

/** An event to be shown on one object. */
export interface SubjectEvent {
  readonly subject: EventSubject;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** The part that has to change for a new event. */
  readonly localKey: string;
  /**
   * How often it is updated while the kubelet repeats it, in milliseconds; undefined: it lasts by the
   * driver's own loops.
   */
  readonly shownEveryMs?: number | undefined;
}

/** A run of equal or similar events that are shown as one object with a count. */
export interface EventSeries {
  /** Of the Event object that shows the series. */
  readonly objectName: string;
  /** On the clock of `decide`. */
  readonly firstMs: number;
  readonly count: number;
}

/** The outcome for an event. `combined`: it stands for many similar ones. */
export type Verdict =
  | {
      readonly kind: "show";
      readonly isNew: boolean;
      readonly combined: boolean;
      readonly series: EventSeries;
    }
  /** The same was just shown, or is shown continuously. */
  | { readonly kind: "repeated" }
  /** The object has had too many events. */
  | { readonly kind: "tooMany" };

/**
 * Limits as client-go's EventCorrelator has them (tools/record, events_cache.go); all times in
 * milliseconds.
 */
const SIMILAR_MAX = 10;
const SIMILAR_WITHIN_MS = 600_000;
const BURST = 25;
const REFILL_MS = 300_000;
/**
 * Limit for remembered objects, series and kinds of events, each. A condition of every volume, such as
 * a replica without a node, is emitted for 10,000 volumes and their claims once a minute. With a lower
 * limit (client-go: 4,096) each would be forgotten before its next emission, and become a new Event
 * object every minute.
 */
const REMEMBERED_MAX = 32_768;

/** How often a lasting event is updated: as often as the object may have one more event. */
const UPDATE_EVERY_MS = 300_000;
/** Callers repeat a lasting event at least once a minute: after a longer silence it counts as new. */
const REPEATED_WITHIN_MS = 90_000;
/**
 * The same of an event that the kubelet repeats: it asks for a volume's usage each one to two minutes
 * (volumeStatsAggPeriod with its jitter), and its backoff of failed calls ends at 2 min and 2 s. Such a call
 * may fail for another reason in between.
 */
const REPEATED_BY_KUBELET_WITHIN_MS = 300_000;

interface Series extends EventSeries {
  readonly shownMs: number;
  readonly seenMs: number;
}

/**
 * Decides which events are shown, as which: repeats of one raise the count of the same object, and only
 * now and then; the tenth of similar ones within ten minutes, and all after it, are combined; and an
 * object has 25 events at once and one more every five minutes. Remembers the latest 32,768 of
 * everything.
 */
export class EventCorrelator {
  readonly #series = new Map<string, Series>();
  readonly #similar = new Map<string, { readonly localKeys: Set<string>; readonly seenMs: number }>();
  readonly #tokens = new Map<string, { readonly left: number; readonly atMs: number }>();
  readonly #newName: (subject: EventSubject) => string;

  /** `newName`: of an Event object about that subject, never the same twice. */
  constructor(newName: (subject: EventSubject) => string) {
    this.#newName = newName;
  }

  /** `nowMs`: on a clock that is never set back. */
  decide(event: SubjectEvent, nowMs: number): Verdict {
    const { key, combined } = this.#seriesKeyOf(event, nowMs);
    const { shownEveryMs = UPDATE_EVERY_MS } = event;
    const isOfKubelet = event.shownEveryMs !== undefined;
    const repeatedWithinMs = isOfKubelet ? REPEATED_BY_KUBELET_WITHIN_MS : REPEATED_WITHIN_MS;
    const known = this.#series.get(key);
    const isSilent =
      known !== undefined &&
      !combined &&
      nowMs - known.seenMs < repeatedWithinMs &&
      nowMs - known.shownMs < shownEveryMs;
    const count = (known?.count ?? 0) + 1;
    if (isSilent) {
      remember(this.#series, key, { ...known, count, seenMs: nowMs });
      return { kind: "repeated" };
    }
    if (!this.#takeToken(subjectKey(event.subject), nowMs)) return { kind: "tooMany" };
    const { objectName, firstMs } = known ?? { objectName: this.#newName(event.subject), firstMs: nowMs };
    const series = { objectName, firstMs, count };
    remember(this.#series, key, { ...series, shownMs: nowMs, seenMs: nowMs });
    return { kind: "show", isNew: known === undefined, combined, series };
  }

  /** Repeats of one are one series; too many that differ only in their message are another. */
  #seriesKeyOf(
    { subject, type, reason, localKey }: SubjectEvent,
    nowMs: number,
  ): { readonly key: string; readonly combined: boolean } {
    const key = `${subjectKey(subject)} ${type} ${reason}`;
    const known = this.#similar.get(key);
    const recent =
      known !== undefined && nowMs - known.seenMs <= SIMILAR_WITHIN_MS ? known.localKeys : new Set<string>();
    recent.add(localKey);
    const combined = recent.size >= SIMILAR_MAX;
    // Only as many are remembered as are needed to detect too many.
    const oldest = combined ? recent.values().next().value : undefined;
    if (oldest !== undefined) recent.delete(oldest);
    remember(this.#similar, key, { localKeys: recent, seenMs: nowMs });
    return { key: combined ? key : `${key} ${localKey}`, combined };
  }

  #takeToken(key: string, nowMs: number): boolean {
    const known = this.#tokens.get(key) ?? { left: BURST, atMs: nowMs };
    const left = Math.min(BURST, known.left + (nowMs - known.atMs) / REFILL_MS);
    remember(this.#tokens, key, { left: left < 1 ? left : left - 1, atMs: nowMs });
    return left >= 1;
  }
}

function subjectKey({ kind, namespace = "", name, uid }: EventSubject): string {
  return `${kind} ${namespace}/${name} ${uid}`;
}

/** The map's order is that of use: the first one is dropped. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > REMEMBERED_MAX ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}
