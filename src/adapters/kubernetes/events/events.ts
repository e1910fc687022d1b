import { OBJECT_NAME_MAX_CHARS } from "../../../core/api/object-names.ts";
import { meaningOf, withRemedy } from "../../../core/events/event-reasons.ts";
import type { Result } from "../../../core/failure/result.ts";
import { shortened } from "../../../core/primitives/shortened.ts";
import { toTimestamp } from "../../../core/primitives/timestamp.ts";
import { type Clock, sleepUnlessAborted } from "../../../ports/clock.ts";
import type { DriverEvent, Events } from "../../../ports/cluster/events.ts";
import type { Logger } from "../../../ports/logger.ts";
import type { Random } from "../../../ports/random.ts";
import type { ApiAnswer, ApiClient } from "../api/api-client.ts";
import { readApiStatus } from "../api/api-status.ts";
import {
  EventCorrelator,
  type EventSeries,
  type EventSubject,
  type SubjectEvent,
} from "./events-correlator.ts";

/** More than that Kubernetes does not take. */
const MESSAGE_MAX_BYTES = 1024;
const NAME_SUFFIX_DIGITS = 16;
/** Events that wait to be written; each has at most a few kilobytes. */
const QUEUED_MAX = 1_000;
const TRIES_MAX = 5;
const RETRY_BASE_MS = 500;
/** The namespace for events of objects without one. */
const CLUSTER_NAMESPACE = "default";
/** What Kubernetes' own recorder puts before a combined message. */
const COMBINED = "(combined from similar events): ";

interface KubernetesEventsOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The objects on which an event is shown. */
  readonly subjectsOf: (event: DriverEvent) => readonly EventSubject[];
  /** The component that emits it: the driver's name. */
  readonly reportingComponent: string;
  /** The process of it: the pod's or the node's name. */
  readonly reportingInstance: string;
}

interface Write {
  readonly event: SubjectEvent;
  readonly isNew: boolean;
  readonly message: string;
  readonly series: EventSeries;
  /** When the series began, and now, on the wall clock. */
  readonly firstMs: number;
  readonly nowMs: number;
}

/**
 * Events as core/v1 Events, which `kubectl describe` and `kubectl get events` show. `emit` only queues, at
 * most 1,000; `run` writes until its signal is aborted, each at most five times. What is dropped is counted
 * and logged. Needs the verbs create and patch on `events` in the namespaces of the subjects; `default` for
 * Nodes.
 */
export function createKubernetesEvents(
  options: KubernetesEventsOptions,
): Events & { run(signal: AbortSignal): Promise<void> } {
  const { client, clock, random, logger } = options;
  const correlator = new EventCorrelator((subject) => nameOfEvent(subject, random));
  const queue: Write[] = [];
  let wake: () => void = () => {};
  let dropped = 0;

  function enqueue(event: SubjectEvent): void {
    // A wall clock that is set back would silence events for as long.
    const elapsedMs = clock.elapsedMs();
    const verdict = correlator.decide(event, elapsedMs);
    if (verdict.kind !== "show") return;
    if (queue.length >= QUEUED_MAX) {
      dropped += 1;
      return;
    }
    const nowMs = clock.nowMs();
    queue.push({
      event,
      isNew: verdict.isNew,
      message: verdict.combined ? `${COMBINED}${event.message}` : event.message,
      series: verdict.series,
      firstMs: nowMs - (elapsedMs - verdict.series.firstMs),
      nowMs,
    });
    wake();
  }

  async function send(write: Write, signal: AbortSignal): Promise<Result<ApiAnswer>> {
    const { event, isNew, message, series, nowMs } = write;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespaceOf(event.subject))}/events`;
    if (!isNew) {
      const body = { count: series.count, lastTimestamp: secondsOf(nowMs), message };
      const patched = await client.call(
        {
          method: "PATCH",
          path: `${path}/${encodeURIComponent(series.objectName)}`,
          body,
          contentType: "application/merge-patch+json",
        },
        signal,
      );
      // Kubernetes drops events after an hour: a lasting one is written again.
      if (!patched.ok || patched.value.code !== 404) return patched;
    }
    return client.call({ method: "POST", path, body: wireEvent(write, options) }, signal);
  }

  /** Until it is written, or a retry is useless. */
  async function deliver(write: Write, signal: AbortSignal): Promise<void> {
    const { subject, reason } = write.event;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const sent = await send(write, signal);
      const problem = problemOf(sent);
      if (problem === undefined || signal.aborted) return;
      if (!problem.isTransient || attempt >= TRIES_MAX) {
        logger.warn("event not written", {
          object: `${subject.kind}/${subject.name}`,
          reason,
          problem: problem.detail,
        });
        return;
      }
      await sleepUnlessAborted(clock, RETRY_BASE_MS * 2 ** (attempt - 1) * (0.5 + random.next() / 2), signal);
    }
  }

  function untilQueued(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || queue.length > 0) return resolve();
      const done = (): void => {
        wake = () => {};
        signal.removeEventListener("abort", done);
        resolve();
      };
      wake = done;
      signal.addEventListener("abort", done);
    });
  }

  return {
    emit: (event) => {
      const { reason } = event;
      const { type, shownEveryMs } = meaningOf(reason);
      const added = Buffer.byteLength(`${COMBINED}${withRemedy(reason, "")}`);
      for (const subject of options.subjectsOf(event)) {
        const prefix = volumePrefix(subject, event);
        const message = withRemedy(reason, shortened(`${prefix}${event.message}`, MESSAGE_MAX_BYTES - added));
        const localKey = `${prefix}${event.localKey ?? event.message}`;
        enqueue({ subject, type, reason, message, localKey, shownEveryMs });
      }
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await untilQueued(signal);
        const next = queue.shift();
        if (next !== undefined) await deliver(next, signal);
        if (dropped > 0 && queue.length === 0) {
          logger.warn("events dropped: too many at once", { count: dropped });
          dropped = 0;
        }
      }
    },
  };
}

/**
 * An existing event is no failure: a write without an answer may have arrived.
 */
function problemOf(
  sent: Result<ApiAnswer>,
): { readonly isTransient: boolean; readonly detail: string } | undefined {
  if (!sent.ok)
    return {
      isTransient: true,
      detail: sent.failure.kind === "StoreUnavailable" ? sent.failure.detail : sent.failure.kind,
    };
  const status = readApiStatus(sent.value);
  if (sent.value.code < 300 || status.reason === "AlreadyExists") return undefined;
  return { isTransient: sent.value.code === 429 || sent.value.code >= 500, detail: status.message };
}

function wireEvent(
  { event, message, series, firstMs, nowMs }: Write,
  { reportingComponent, reportingInstance }: KubernetesEventsOptions,
): unknown {
  const { subject, type, reason } = event;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: series.objectName, namespace: namespaceOf(subject) },
    involvedObject: subject,
    type,
    reason,
    message,
    firstTimestamp: secondsOf(firstMs),
    lastTimestamp: secondsOf(nowMs),
    count: series.count,
    // `kubectl describe` shows the first of the two as where an event is from, newer tools the others.
    source: { component: reportingComponent, host: reportingInstance },
    reportingComponent,
    reportingInstance,
  };
}

function namespaceOf({ namespace }: EventSubject): string {
  return namespace ?? CLUSTER_NAMESPACE;
}

/** meta/v1 Time has whole seconds. */
function secondsOf(epochMs: number): string {
  return toTimestamp(epochMs).replace(/\.\d+Z$/u, "Z");
}

/** As Kubernetes' recorder has it: the object's name, and something that is never the same twice. */
function nameOfEvent({ name }: EventSubject, random: Random): string {
  const suffix = random.uuid().replaceAll("-", "").slice(0, NAME_SUFFIX_DIGITS);
  const prefix = name.slice(0, OBJECT_NAME_MAX_CHARS - NAME_SUFFIX_DIGITS - 1).replace(/[^a-z0-9]+$/u, "");
  return `${prefix}.${suffix}`;
}

/** A Node has many volumes: without its name, what is said of the second one would repeat the first. */
function volumePrefix({ kind }: EventSubject, { about }: DriverEvent): string {
  return kind === "Node" && about.kind === "AzVolume" ? `${about.name}: ` : "";
}
