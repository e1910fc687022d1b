import type { Result } from "../../core/failure/result.ts";
import { backoffMs } from "../../core/primitives/backoff.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { ProvisionerSettings } from "../settings.ts";
import type { ArmAnswer, ArmApi, ArmError, NextPage } from "./arm-api.ts";
import { createCallAdmission } from "./call-admission.ts";
import { isWorthRetrying } from "./error-table.ts";
import { createLookPace, type UntilNextLook } from "./look-pace.ts";
import { createOperationPoller, type OperationPoller, type Poll } from "./operation-poller.ts";
import { type BudgetedCall, type CallGroup, isVmWriteGroup, type ThrottleBudget } from "./throttle-budget.ts";

/** A call, and whether it waits for the budget. Default: for at most `throttleWaitMaxMs`. */
interface SessionCall extends BudgetedCall {
  readonly patience?: "none" | undefined;
}

/** Calls to ARM within the budget, and waiting by our clock. One for each provisioner. */
export interface ArmSession extends OperationPoller {
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
   * again first. Each further page of a list is admitted as a call is, and repeated by itself where it
   * fails, after any failure that may pass. With `patience: "none"` it waits for nothing, and fails instead.
   */
  readonly call: <T>(
    call: SessionCall,
    invoke: (clientRequestId: string, nextPage: NextPage) => Promise<ArmAnswer<T>>,
    signal: AbortSignal,
  ) => Promise<Result<T, ArmError>>;
  /**
   * Waits before the next look at a VM on which Azure works, by a poll or a read: `delayMs`, longer while
   * many VMs are looked at, at most `maxMs`.
   */
  readonly untilNextLook: UntilNextLook;
  /** Waits before try `attempt` (1 = first retry). */
  readonly backOff: (attempt: number, signal: AbortSignal) => Promise<void>;
}

/** Tries of a call that Azure refuses with 429, each after the wait that its answer names, or of a page. */
const THROTTLED_TRIES_MAX = 4;

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
  const untilAdmitted = createCallAdmission({ budget, clock, lifetime });
  const untilNextLook = createLookPace(clock, settings.gatewayLimits.reads.perMinute);

  async function call<T>(
    { patience, ...budgeted }: SessionCall,
    invoke: (clientRequestId: string, nextPage: NextPage) => Promise<ArmAnswer<T>>,
    signal: AbortSignal,
  ): Promise<Result<T, ArmError>> {
    const clientRequestId = random.uuid();
    const triesMax = isVmWriteGroup(budgeted.group) || patience === "none" ? 1 : THROTTLED_TRIES_MAX;
    const waitMaxMs = patience === "none" ? 0 : settings.throttleWaitMaxMs;
    const admit = (): Promise<Result<void, ArmError>> =>
      untilAdmitted(budgeted, { waitMaxMs, enter: () => budget.spend(budgeted) }, signal);
    let pageTries = 0;
    let isFirstPage = true;
    const nextPage: NextPage = async (failed) => {
      isFirstPage = false;
      pageTries = failed === undefined ? 0 : pageTries + 1;
      if (failed?.result.ok === false) {
        budget.observe(budgeted, failed);
        if (!isWorthRetrying(failed.result.failure) || pageTries >= triesMax) return failed.result;
        await backOff(pageTries, signal);
      }
      return admit();
    };
    for (let tries = 1; ; tries++) {
      const admitted = await admit();
      if (!admitted.ok) return admitted;
      const answer = await invoke(clientRequestId, nextPage);
      if (!isFirstPage && !answer.result.ok) return answer.result;
      budget.observe(budgeted, answer);
      if (answer.result.ok || answer.result.failure.statusCode !== 429 || tries >= triesMax)
        return answer.result;
    }
  }

  function backOff(attempt: number, signal: AbortSignal): Promise<void> {
    return clock.sleep(backoffMs({ ...settings.backoff, attempt, chance: random.next() }), signal);
  }

  const poll: Poll = (operation, target, signal) => {
    const group = operation.kind === "vm" ? "vmOperationRead" : "diskOperationRead";
    return call(
      { group, ...target },
      (clientRequestId) => arm.pollOperation({ operation, clientRequestId }, signal),
      signal,
    );
  };

  return {
    arm,
    clock,
    random,
    settings,
    lifetime,
    waitMs: (budgeted, ahead) => budget.waitMs(budgeted, ahead),
    recordWait: (group, waitedMs) => budget.recordWait(group, waitedMs),
    untilAdmitted: (budgeted, signal) =>
      untilAdmitted(budgeted, { waitMaxMs: settings.throttleWaitMaxMs }, signal),
    call,
    ...createOperationPoller({ poll, untilNextLook, clock, settings }),
    untilNextLook,
    backOff,
  };
}
