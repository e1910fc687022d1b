import type { Lane } from "../../core/azure/lane.ts";
import { RECENT_DURATIONS_MAX, pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import { SHARE_ENDED, isEndPredictable, spacedPollDelayMs } from "../../core/azure/pace/spaced-poll-delay.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ProvisionerSettings } from "../settings.ts";
import type { ArmError, ArmOperation, ArmOperationEnd, ArmOperationStatus } from "./arm-api.ts";
import { ownError, ownErrorCodes } from "./arm-error.ts";
import { classOf } from "./error-table.ts";
import type { UntilNextLook } from "./look-pace.ts";

/** What the polls of an operation are charged to. */
export interface OperationTarget {
  readonly resource: string;
  readonly lane: Lane;
}

/** Operations that take about as long as each other; those on VMs with the class of their size. */
export type OperationLikeness =
  | "diskCreate"
  | "diskUpdate"
  | "diskDelete"
  | "snapshotCreate"
  | "snapshotUpdate"
  | "snapshotDelete"
  | `vm${"Attach" | "Detach" | "ForceDetach"}/${number}`;

/** How the session waits for an operation. */
export interface OperationWait extends OperationTarget {
  /** Default: `operationMaxMs`. */
  readonly maxMs?: number | undefined;
  /** Operations of one name take about as long as each other, so that the first poll can wait that long. */
  readonly likeness?: OperationLikeness | undefined;
  /**
   * Reads from the resource itself whether the operation has ended; undefined: not yet. Asked where Azure
   * refuses the polls.
   */
  readonly readEnd: ReadEnd;
  /**
   * Reads the same after each poll that reports a running operation: what the resource shows already
   * need not be waited for. Default: polls decide.
   */
  readonly readEarlyEnd?: ReadEnd | undefined;
}

/** See `OperationWait`. */
export type ReadEnd = (signal: AbortSignal) => Promise<Result<ArmOperationEnd | undefined, ArmError>>;

/** Follows operations that Azure has started. */
export interface OperationPoller {
  /**
   * Polls an operation to its end, for at most `maxMs` (default: `operationMaxMs`). A lost poll is
   * repeated. If Azure refuses to answer polls (401, 403, 404), the resource is read instead: a missing
   * permission delays the end of a call, and never blocks it. So it is where Azure has named nothing to poll.
   */
  readonly untilEnded: (
    operation: ArmOperation,
    options: OperationWait,
    signal: AbortSignal,
  ) => Promise<Result<ArmOperationEnd, ArmError>>;
  /** Polls an operation once: whether it runs; undefined where Azure does not say. */
  readonly isRunning: (
    operation: ArmOperation,
    target: OperationTarget,
    signal: AbortSignal,
  ) => Promise<boolean | undefined>;
}

export type Poll = (
  operation: ArmOperation,
  target: OperationTarget,
  signal: AbortSignal,
) => Promise<Result<ArmOperationStatus, ArmError>>;

/** Builds the poller. What like operations have taken decides when it polls. */
export function createOperationPoller({
  poll,
  untilNextLook,
  clock,
  settings,
}: {
  readonly poll: Poll;
  readonly untilNextLook: UntilNextLook;
  readonly clock: Clock;
  readonly settings: ProvisionerSettings;
}): OperationPoller {
  const recentDurationsMs = new Map<string, readonly number[]>();

  function durationsOf(likeness: string | undefined): readonly number[] {
    return likeness === undefined ? [] : (recentDurationsMs.get(likeness) ?? []);
  }

  function recordDuration(likeness: string | undefined, durationMs: number | undefined): void {
    if (likeness === undefined || durationMs === undefined) return;
    recentDurationsMs.set(likeness, [...durationsOf(likeness), durationMs].slice(-RECENT_DURATIONS_MAX));
  }

  async function untilEnded(
    started: ArmOperation,
    options: OperationWait,
    signal: AbortSignal,
  ): Promise<Result<ArmOperationEnd, ArmError>> {
    const { maxMs = settings.operationMaxMs, likeness, readEnd, readEarlyEnd, ...target } = options;
    const startedMs = clock.elapsedMs();
    let operation = started;
    let arePollsRefused = operation.pollUrl === undefined;
    while (operation.pollUrl !== undefined || operation.isUntold === true) {
      const elapsedMs = clock.elapsedMs() - startedMs;
      if (elapsedMs >= maxMs) return fail(stillRunning(target.resource, elapsedMs));
      const delayMs = delayBeforePollMs(withHintFor(target.lane, operation), elapsedMs, likeness);
      const leftMs = maxMs - elapsedMs;
      if (operation.kind === "vm") await untilNextLook({ lane: target.lane, delayMs, maxMs: leftMs }, signal);
      else await clock.sleep(Math.min(leftMs, delayMs), signal);
      if (!arePollsRefused) {
        const polled = await poll(operation, target, signal);
        if (polled.ok) {
          const status = polled.value;
          if (status.state === "succeeded") recordDuration(likeness, status.durationMs);
          if (status.state !== "running")
            return status.state === "succeeded" ? ok(status) : fail(status.error);
          operation = status.operation;
        } else if (isPollRefused(polled.failure)) arePollsRefused = true;
        else if (!mayAskAgain(polled.failure)) return polled;
      }
      const read = arePollsRefused ? readEnd : readEarlyEnd;
      if (read === undefined) continue;
      const end = await read(signal);
      if (end.ok && end.value !== undefined) return ok(end.value);
      if (!end.ok && !mayAskAgain(end.failure)) return end;
    }
    return ok({});
  }

  /** A failover's end counts more than calls: a hint that is no refusal delays it by its pace at most. */
  function withHintFor(lane: Lane, operation: ArmOperation): ArmOperation {
    return lane === "failover" && operation.retryAfterMs !== undefined
      ? { ...operation, retryAfterMs: Math.min(settings.vmPollPace.maxMs, operation.retryAfterMs) }
      : operation;
  }

  function delayBeforePollMs(
    { kind, retryAfterMs, isUntold = false }: ArmOperation,
    elapsedMs: number,
    likeness: OperationLikeness | undefined,
  ): number {
    const soonMs = settings.vmPollSpacing.closeMs;
    if (isUntold && elapsedMs < soonMs) return soonMs;
    const recent = durationsOf(likeness);
    const timing = { elapsedMs, retryAfterMs, recentDurationsMs: recent };
    if (kind !== "vm") return pollDelayMs(settings.diskPollPace, timing);
    return isEndPredictable(recent)
      ? spacedPollDelayMs(settings.vmPollSpacing, { ...timing, shareEnded: shareEndedOf(likeness) })
      : pollDelayMs(settings.vmPollPace, { elapsedMs, retryAfterMs });
  }

  return {
    untilEnded,
    isRunning: async (operation, target, signal) => {
      if (operation.pollUrl === undefined) return undefined;
      const polled = await poll(operation, target, signal);
      return polled.ok ? polled.value.state === "running" : undefined;
    },
  };
}

/** Whether a retry is worthwhile: the call was lost, or Azure wants it later. */
function mayAskAgain(error: ArmError): boolean {
  return (
    classOf(error) === "lost" ||
    (classOf(error) === "throttled" && error.code !== ownErrorCodes.budgetExhausted)
  );
}

/**
 * Whether Azure refuses to report an operation: the permission to read operations is missing, or the
 * operation is forgotten.
 */
function isPollRefused(error: ArmError): boolean {
  return error.statusCode === 401 || error.statusCode === 403 || error.statusCode === 404;
}

function shareEndedOf(likeness: OperationLikeness | undefined): number {
  return likeness?.startsWith("vmAttach/") === true ? SHARE_ENDED.attach : SHARE_ENDED.detach;
}

function stillRunning(resource: string, elapsedMs: number): ArmError {
  return ownError(
    ownErrorCodes.stillRunning,
    `the operation on ${resource} still runs after ${Math.round(elapsedMs / 1000)} s`,
  );
}
