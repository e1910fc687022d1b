import { type Result, fail, ok } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ArmError } from "./arm-api.ts";
import { ownError, ownErrorCodes } from "./arm-error.ts";
import { CallLine, type Turn } from "./call-line.ts";
import type { BudgetedCall, ThrottleBudget } from "./throttle-budget.ts";

interface Admission {
  readonly waitMaxMs: number;
  /** Called in the moment in which the budget allows the call. Default: nothing is spent. */
  readonly enter?: () => void;
}

/** Waits until the budget allows a call; fails if that takes too long. */
type UntilAdmitted = (
  call: BudgetedCall,
  admission: Admission,
  signal: AbortSignal,
) => Promise<Result<void, ArmError>>;

/** Builds the admission of calls: those that wait for one bucket stand in one line. */
export function createCallAdmission({
  budget,
  clock,
  lifetime,
}: {
  readonly budget: ThrottleBudget;
  readonly clock: Clock;
  readonly lifetime: AbortSignal;
}): UntilAdmitted {
  const lines = new Map<string, CallLine>();

  function lineOf(budgeted: BudgetedCall): CallLine {
    const name = budget.lineOf(budgeted);
    const line = lines.get(name) ?? new CallLine(clock, lifetime);
    lines.set(name, line);
    return line;
  }

  return async (budgeted, { waitMaxMs, enter }, signal) => {
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
      if (isRoom) enter?.();
      return isRoom;
    }
  };
}

function usedUp({ group, resource }: BudgetedCall, retryAfterMs: number): ArmError {
  const of = resource === undefined ? "" : ` for ${resource}`;
  return {
    ...ownError(
      ownErrorCodes.budgetExhausted,
      `the budget of ${group} calls${of} is used up, or Azure has asked for time`,
    ),
    retryAfterMs,
  };
}
