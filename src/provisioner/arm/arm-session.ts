import { type Lane, compareLanes } from "../../core/azure/lane.ts";
import { RECENT_DURATIONS_MAX, pollDelayMs } from "../../core/azure/pace/poll-delay.ts";
import { SHARE_ENDED, isEndPredictable, spacedPollDelayMs } from "../../core/azure/pace/spaced-poll-delay.ts";
import { MS_PER_MINUTE } from "../../core/azure/pace/token-bucket.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import { type Backoff, backoffMs } from "../../core/primitives/backoff.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { ProvisionerSettings } from "../settings.ts";
import type {
  ArmAnswer,
  ArmApi,
  ArmError,
  ArmOperation,
  ArmOperationEnd,
  ArmOperationStatus,
  NextPage,
} from "./arm-api.ts";
import { errorWithoutAnswer, ownErrorCodes } from "./arm-error.ts";
import { CallLine, type Turn } from "./call-line.ts";
import { classOf } from "./error-table.ts";
import { type BudgetedCall, type CallGroup, isVmWriteGroup, type ThrottleBudget } from "./throttle-budget.ts";

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
  readonly maxMs?: number;
  /** Operations of one name take about as long as each other, so that the first poll can wait that long. */
  readonly likeness?: OperationLikeness;
  /**
   * Reads from the resource itself whether the operation has ended; undefined: not yet. Asked where Azure
   * refuses the polls.
   */
  readonly readEnd: ReadEnd;
  /**
   * Reads the same after each poll that reports a running operation: what the resource shows already
   * need not be waited for. Default: polls decide.
   */
  readonly readEarlyEnd?: ReadEnd;
}

/** A look at a VM on which Azure works, and when it is due. */
export interface NextLook {
  readonly lane: Lane;
  readonly delayMs: number;
  readonly maxMs: number;
}

/** See `OperationWait`. */
export type ReadEnd = (signal: AbortSignal) => Promise<Result<ArmOperationEnd | undefined, ArmError>>;

/** Calls to ARM within the budget, and waiting by our clock. One for each provisioner. */
export interface ArmSession {
  readonly arm: ArmApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ProvisionerSettings;
  /** Aborted when all work ends, at shutdown. */
  readonly lifetime: AbortSignal;
  /** How long such a call would wait for the budget, if `ahead` others (default: none) went first. */
  readonly waitMs: (call: BudgetedCall, ahead?: number) => number;
  /** Records that work waited for the budget elsewhere. */
  readonly recordWait: (group: CallGroup, waitedMs: number) => void;
  /** Waits until the budget would allow such a call; fails if that takes too long. */
  readonly untilAdmitted: (call: BudgetedCall, signal: AbortSignal) => Promise<Result<void, ArmError>>;
  /**
   * Makes one call once the budget allows it. Repeats it only after a 429, which Azure promises not to
   * have carried out; a write of a VM is not repeated even then, since its caller must read and check
   * again first. Each further page of a list is admitted as a call is. With `patience: "none"` it waits
   * for nothing, and fails instead.
   */
  readonly call: <T>(
    budgeted: BudgetedCall,
    invoke: (clientRequestId: string, nextPage: NextPage) => Promise<ArmAnswer<T>>,
    signal: AbortSignal,
    patience?: "none",
  ) => Promise<Result<T, ArmError>>;
  /**
   * Polls an operation to its end, for at most `maxMs` (default: `operationMaxMs`). A lost poll is
   * repeated. If Azure refuses to answer polls (401, 403, 404), the resource is read instead: a missing
   * permission delays the end of a call, and never blocks it.
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
  /**
   * Waits before the next look at a VM on which Azure works, by a poll or a read: `delayMs`, longer while
   * many VMs are looked at, at most `maxMs`.
   */
  readonly untilNextLook: (look: NextLook, signal: AbortSignal) => Promise<void>;
  /** Waits before try `attempt` (1 = first retry). */
  readonly backOff: (attempt: number, signal: AbortSignal) => Promise<void>;
}

/** Tries of one call that Azure refuses with 429, each after the wait that its answer names. */
const THROTTLED_TRIES_MAX = 4;

/** The share of the front door's reads that looks of one lane, and of more urgent ones, take at most. */
const LOOK_SHARE = 0.5;

/** Builds the session. Each call has a fresh `x-ms-client-request-id`, which its retries repeat. */
export function createArmSession(options: {
  readonly arm: ArmApi;
  readonly budget: ThrottleBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ProvisionerSettings;
  readonly lifetime: AbortSignal;
}): ArmSession {
  const { arm, budget, clock, random, settings, lifetime } = options;
  const recentDurationsMs = new Map<string, readonly number[]>();
  const lines = new Map<string, CallLine>();
  /** For how many VMs each lane waits to look at them again. */
  const vmsAwaited = new Map<Lane, number>();
  const lookEveryMs = MS_PER_MINUTE / (settings.gatewayLimits.reads.perMinute * LOOK_SHARE);

  function durationsOf(likeness: string | undefined): readonly number[] {
    return likeness === undefined ? [] : (recentDurationsMs.get(likeness) ?? []);
  }

  function recordDuration(likeness: string | undefined, durationMs: number | undefined): void {
    if (likeness === undefined || durationMs === undefined) return;
    recentDurationsMs.set(likeness, [...durationsOf(likeness), durationMs].slice(-RECENT_DURATIONS_MAX));
  }

  async function call<T>(
    budgeted: BudgetedCall,
    invoke: (clientRequestId: string, nextPage: NextPage) => Promise<ArmAnswer<T>>,
    signal: AbortSignal,
    patience?: "none",
  ): Promise<Result<T, ArmError>> {
    const clientRequestId = random.uuid();
    const triesMax = isVmWriteGroup(budgeted.group) || patience === "none" ? 1 : THROTTLED_TRIES_MAX;
    const waitMaxMs = patience === "none" ? 0 : settings.throttleWaitMaxMs;
    const admit = (): Promise<Result<void, ArmError>> =>
      untilAdmitted(budgeted, { waitMaxMs }, signal, () => budget.spend(budgeted));
    for (let tries = 1; ; tries++) {
      const admitted = await admit();
      if (!admitted.ok) return admitted;
      const answer = await invoke(clientRequestId, admit);
      budget.observe(budgeted, answer);
      if (answer.result.ok || answer.result.failure.statusCode !== 429 || tries >= triesMax)
        return answer.result;
    }
  }

  async function untilAdmitted(
    budgeted: BudgetedCall,
    { waitMaxMs }: { readonly waitMaxMs: number },
    signal: AbortSignal,
    enter: () => void,
  ): Promise<Result<void, ArmError>> {
    const startedMs = clock.elapsedMs();
    const leftMs = (): number => waitMaxMs - (clock.elapsedMs() - startedMs);
    for (let turn: Turn = "notNow"; turn !== "entered";) {
      const providerMs = budget.providerWaitMs(budgeted);
      const waitMs = Math.max(providerMs, budget.gatewayWaitMs(budgeted, false));
      if (turn === "usedUp" || (waitMs > 0 && waitMs > leftMs())) return fail(usedUp(budgeted, waitMs));
      const line = lineOf(budgeted);
      if (providerMs > 0) await clock.sleep(providerMs, signal);
      else if (waitMs === 0 && line.isEmpty() && tryEnter()) turn = "entered";
      else
        turn = await line.run(
          {
            lane: budgeted.lane,
            waitMs: (isDue) => budget.gatewayWaitMs(budgeted, isDue),
            enter: tryEnter,
            waitMaxMs: leftMs(),
          },
          signal,
        );
    }
    const waitedMs = clock.elapsedMs() - startedMs;
    if (waitedMs > 0) budget.recordWait(budgeted.group, waitedMs);
    return ok(undefined);

    /** Checked and counted in one go: of many concurrent calls only as many may pass as there is room for. */
    function tryEnter(): boolean {
      const isRoom = budget.providerWaitMs(budgeted) === 0;
      if (isRoom) enter();
      return isRoom;
    }
  }

  function lineOf(budgeted: BudgetedCall): CallLine {
    const name = budget.lineOf(budgeted);
    const line = lines.get(name) ?? new CallLine(clock, lifetime);
    lines.set(name, line);
    return line;
  }

  /** Looks at one VM among many are rarer, to leave reads to others; less urgent lanes delay none. */
  async function untilNextLook({ lane, delayMs, maxMs }: NextLook, signal: AbortSignal): Promise<void> {
    vmsAwaited.set(lane, (vmsAwaited.get(lane) ?? 0) + 1);
    const asUrgent = [...vmsAwaited].filter(([other]) => compareLanes(other, lane) <= 0);
    const spacingMs = lookEveryMs * asUrgent.reduce((sum, [, vms]) => sum + vms, 0);
    try {
      await clock.sleep(Math.min(maxMs, Math.max(delayMs, spacingMs)), signal);
    } finally {
      vmsAwaited.set(lane, (vmsAwaited.get(lane) ?? 0) - 1);
    }
  }

  async function untilEnded(
    started: ArmOperation,
    options: OperationWait,
    signal: AbortSignal,
  ): Promise<Result<ArmOperationEnd, ArmError>> {
    const { maxMs = settings.operationMaxMs, likeness, readEnd, readEarlyEnd, ...target } = options;
    const startedMs = clock.elapsedMs();
    let operation = started;
    let arePollsRefused = false;
    while (operation.pollUrl !== undefined) {
      const elapsedMs = clock.elapsedMs() - startedMs;
      if (elapsedMs >= maxMs) return fail(stillRunning(target.resource, elapsedMs));
      const delayMs = delayBeforePollMs(withHintFor(target.lane, operation), elapsedMs, likeness);
      const leftMs = maxMs - elapsedMs;
      if (started.kind === "vm") await untilNextLook({ lane: target.lane, delayMs, maxMs: leftMs }, signal);
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
    { kind, retryAfterMs }: ArmOperation,
    elapsedMs: number,
    likeness: OperationLikeness | undefined,
  ): number {
    const recent = durationsOf(likeness);
    const timing = { elapsedMs, retryAfterMs, recentDurationsMs: recent };
    if (kind !== "vm") return pollDelayMs(settings.diskPollPace, timing);
    return isEndPredictable(recent)
      ? spacedPollDelayMs(settings.vmPollSpacing, { ...timing, shareEnded: shareEndedOf(likeness) })
      : pollDelayMs(settings.vmPollPace, { elapsedMs, retryAfterMs });
  }

  function poll(
    operation: ArmOperation,
    target: OperationTarget,
    signal: AbortSignal,
  ): Promise<Result<ArmOperationStatus, ArmError>> {
    const group = operation.kind === "vm" ? "vmOperationRead" : "diskOperationRead";
    return call(
      { group, ...target },
      (clientRequestId) => arm.pollOperation({ operation, clientRequestId }, signal),
      signal,
    );
  }

  return {
    arm,
    clock,
    random,
    settings,
    lifetime,
    waitMs: (budgeted, ahead) => budget.waitMs(budgeted, ahead),
    recordWait: (group, waitedMs) => budget.recordWait(group, waitedMs),
    untilAdmitted: (budgeted, signal) =>
      untilAdmitted(budgeted, { waitMaxMs: settings.throttleWaitMaxMs }, signal, () => undefined),
    call,
    untilEnded,
    isRunning: async (operation, target, signal) => {
      const polled = await poll(operation, target, signal);
      return polled.ok ? polled.value.state === "running" : undefined;
    },
    untilNextLook,
    backOff: (attempt, signal) => backOff({ clock, random, backoff: settings.backoff, attempt }, signal),
  };
}

async function backOff(
  options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly backoff: Backoff;
    readonly attempt: number;
  },
  signal: AbortSignal,
): Promise<void> {
  await options.clock.sleep(
    backoffMs({ ...options.backoff, attempt: options.attempt, chance: options.random.next() }),
    signal,
  );
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

function usedUp({ group, resource }: BudgetedCall, retryAfterMs: number): ArmError {
  const of = resource === undefined ? "" : ` for ${resource}`;
  return {
    ...errorWithoutAnswer(ownErrorCodes.budgetExhausted, `the budget of ${group} calls${of} is used up`, ""),
    retryAfterMs,
  };
}

function stillRunning(resource: string, elapsedMs: number): ArmError {
  return errorWithoutAnswer(
    ownErrorCodes.stillRunning,
    `the operation on ${resource} still runs after ${Math.round(elapsedMs / 1000)} s`,
    "",
  );
}
