import type { Lane } from "../../core/azure/lane.ts";
import type { VmRequest } from "../vm/vm-request.ts";
import type { VmTarget } from "../vm/vm-update.ts";
import type { ArmError } from "./arm-api.ts";
import { ownErrorCodes } from "./arm-error.ts";
import type { ArmSession } from "./arm-session.ts";
import { isWorthRetrying } from "./error-table.ts";
import { callGroupsOf } from "./throttle-budget.ts";

/** Counts consecutive faults of one batch and limits its retries. */
export class RetryBudget {
  readonly #session: ArmSession;
  readonly #vm: VmTarget;
  readonly #lifetime: AbortSignal;
  #count = 0;

  constructor(session: ArmSession, vm: VmTarget, lifetime: AbortSignal) {
    this.#session = session;
    this.#vm = vm;
    this.#lifetime = lifetime;
  }

  /**
   * Backs off, and waits until the budget has a write again, so that no wait comes between the next
   * read and its write. When the retries are used up, or can't help, ends `open` with the failure
   * instead.
   */
  async backOffOrFail(error: ArmError, open: readonly VmRequest[], lane: Lane): Promise<void> {
    this.#count++;
    // A batch that has waited for the budget to its limit has no retries left.
    const isOver =
      this.#count > this.#session.settings.retriesMax ||
      !isWorthRetrying(error) ||
      error.code === ownErrorCodes.budgetExhausted;
    if (isOver) return giveUp(error, open);
    await this.#session.backOff(this.#count, this.#lifetime);
    const admitted = await this.#session.untilAdmitted(
      { group: callGroupsOf(this.#vm).write, resource: this.#vm.key, lane },
      this.#lifetime,
    );
    if (!admitted.ok) giveUp(admitted.failure, open);
  }
}

function giveUp(error: ArmError, open: readonly VmRequest[]): void {
  for (const request of open) request.settleFailed(error);
}
