import type { Actors } from "../actors/actors.ts";
import type { ComputeModel } from "../model/compute-model.ts";
import type { DataPlane, DataPlaneEffect } from "../model/data-plane-port.ts";
import type { DueEffects } from "../model/pace/operations.ts";
import type { Effect, Guests, ScriptOutput } from "../model/run-command/guests-port.ts";

/** Drives a model by the real clock and carries out its device effects. */
export interface Runtime {
  /** Must be called after each call of the model: an event may be due, or due earlier than before. */
  poke(): void;
  /** Stops the timer and waits for device work in progress. */
  close(): Promise<void>;
}

/** The longest delay of a timer. */
const TIMER_MAX_MS = 2_147_483_647;

export function createRuntime(options: {
  model: ComputeModel;
  clock: { nowMs(): number };
  carriers: Carriers;
  actors?: Actors;
  onDeviceFailure?: (failure: string) => void;
}): Runtime {
  const { model, clock, carriers } = options;
  const hasCarriers = carriers.dataPlane !== undefined || carriers.guests !== undefined;
  const underWay = new Set<Promise<void>>();
  let { actors } = options;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const carryOut = async (due: DueEffects): Promise<void> => {
    const { failure, output } = await outcomeOf(carriers, due.effects);
    if (failure !== undefined) options.onDeviceFailure?.(failure);
    // The operation ends when the device work was done, not when it was due.
    model.advanceTo(clock.nowMs());
    model.settleOperation(due.operationId, failure, output);
  };
  const schedule = (): void => {
    clearTimeout(timer);
    const nextMs = closed ? undefined : earlier(model.nextEventAtMs(), actors?.nextActMs());
    if (nextMs !== undefined)
      timer = setTimeout(poke, Math.min(Math.max(0, Math.ceil(nextMs - clock.nowMs())), TIMER_MAX_MS));
  };
  /** A model that can keep no further call answers none: then the actors stop, as all clients do. */
  const letActorsAct = (): void => {
    try {
      actors?.advanceTo(clock.nowMs());
    } catch (error) {
      actors = undefined;
      const why = error instanceof Error ? error.message : String(error);
      options.onDeviceFailure?.(`the scenario's actors have stopped: ${why}`);
    }
  };
  const poke = (): void => {
    if (closed) return;
    model.advanceTo(clock.nowMs());
    letActorsAct();
    if (hasCarriers) {
      for (const due of model.takeDueEffects()) {
        const work = carryOut(due).finally(() => {
          underWay.delete(work);
          poke();
        });
        underWay.add(work);
      }
    }
    schedule();
  };

  return {
    poke,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await Promise.allSettled(underWay);
    },
  };
}

function earlier(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined || second === undefined ? (first ?? second) : Math.min(first, second);
}

/** What carries out effects; those of an absent one are done at once. */
export interface Carriers {
  readonly dataPlane: DataPlane | undefined;
  readonly guests: Guests | undefined;
}

/** Carries out effects one after the other, up to the first that fails. Returns what a script has written. */
export async function carryOutEffects(
  carriers: Carriers,
  effects: readonly Effect[],
): Promise<ScriptOutput | undefined> {
  let output: ScriptOutput | undefined;
  for (const effect of effects) {
    if (effect.kind === "scriptRun") output = await carriers.guests?.runScript(effect);
    else if (carriers.dataPlane !== undefined) await carryOutEffect(carriers.dataPlane, effect);
  }
  return output;
}

async function outcomeOf(
  carriers: Carriers,
  effects: readonly Effect[],
): Promise<{ readonly failure?: string; readonly output?: ScriptOutput | undefined }> {
  try {
    return { output: await carryOutEffects(carriers, effects) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

function carryOutEffect(dataPlane: DataPlane, effect: DataPlaneEffect): Promise<void> {
  switch (effect.kind) {
    case "diskCreated":
      return dataPlane.diskCreated(effect);
    case "diskResized":
      return dataPlane.diskResized(effect);
    case "diskDeleted":
      return dataPlane.diskDeleted(effect);
    case "diskCopied":
      return dataPlane.diskCopied(effect);
    case "diskAttached":
      return dataPlane.diskAttached(effect);
    case "diskDetached":
      return dataPlane.diskDetached(effect);
    case "vmStopped":
      return dataPlane.vmStopped(effect);
    case "vmStarted":
      return dataPlane.vmStarted(effect);
  }
}
