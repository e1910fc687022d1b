import { ADMIN_ROUTES } from "./api/admin-routes.ts";
import { answerRequest, toArmAnswer } from "./api/answer-request.ts";
import type { ArmAnswer, ArmRequest } from "./api/arm-message.ts";
import { createJournal, type Journal } from "./api/journal.ts";
import { createRouter } from "./api/router.ts";
import { ARM_ROUTES, POLL_OPERATION } from "./api/routes.ts";
import { createFaults, type Faults } from "./pace/faults.ts";
import { advanceTo, type DueEffects, nextDueMs, settleOperation, takeDueEffects } from "./pace/operations.ts";
import { createSeededRandom } from "./pace/random.ts";
import type { ScriptOutput } from "./run-command/guests-port.ts";
import { populate } from "./set-up.ts";
import { DEFAULT_SETTINGS, type ModelSettings } from "./settings.ts";
import { createWorld, type World, type WorldSetUp } from "./world.ts";

export interface ComputeModelOptions extends WorldSetUp {
  /** The model's clock; virtual in a simulation. */
  readonly clock: { nowMs(): number };
  /** Default 1. The same seed and the same calls at the same times give the same answers. */
  readonly seed?: number;
  readonly settings?: Partial<ModelSettings>;
  /**
   * Whether the caller carries out the effects on devices (`takeDueEffects`, `settleOperation`). Default
   * false: operations end when they are due.
   */
  readonly hasDataPlane?: boolean;
  /** The same for scripts inside VMs. Default false: no agent reports. */
  readonly hasGuests?: boolean;
}

/** Azure's compute provider and the part of ARM in front of it, as a deterministic state machine. */
export interface ComputeModel {
  /** Answers one ARM call at the clock's time. */
  handle(request: ArmRequest): ArmAnswer;
  /** When the next operation ends by itself; `undefined` if none is in progress. */
  nextEventAtMs(): number | undefined;
  /** Ends operations that are due at that time. `handle` does so by itself. */
  advanceTo(nowMs: number): void;
  /** The device work that is due now, by operation; with a data plane only. */
  takeDueEffects(): readonly DueEffects[];
  /** Ends an operation whose effects were carried out, or failed for the given reason. */
  settleOperation(operationId: string, deviceFailure?: string, output?: ScriptOutput): void;
  readonly journal: Journal;
  readonly faults: Faults;
  /** The whole state, for set-up, inspection and checkers. */
  readonly world: World;
}

export function createComputeModel(options: ComputeModelOptions): ComputeModel {
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const world = createWorld({
    settings,
    random: createSeededRandom(options.seed ?? 1),
    nowMs: options.clock.nowMs(),
    hasDataPlane: options.hasDataPlane ?? false,
    hasGuests: options.hasGuests ?? false,
    faults: createFaults(POLL_OPERATION),
    journal: createJournal(settings.journalMax),
    initial: options,
  });
  populate(world);
  const route = createRouter([...ARM_ROUTES, ...ADMIN_ROUTES]);

  return {
    handle: (request) => {
      advanceTo(world, options.clock.nowMs());
      const requestId = world.random.guid();
      const answered = answerRequest(world, request, route(request.method, request.path));
      // The next call sees the end of operations that take no time.
      advanceTo(world, world.nowMs);
      return toArmAnswer(world, request, answered, requestId);
    },
    nextEventAtMs: () => nextDueMs(world),
    advanceTo: (nowMs) => advanceTo(world, nowMs),
    takeDueEffects: () => takeDueEffects(world),
    settleOperation: (operationId, deviceFailure, output) =>
      settleOperation(world, operationId, deviceFailure, output),
    journal: world.journal,
    faults: world.faults,
    world,
  };
}
