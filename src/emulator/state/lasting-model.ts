import type { ArmAnswer, ArmRequest } from "../model/api/arm-message.ts";
import { isoTime } from "../model/api/resource/iso-time.ts";
import { type ComputeModel, type ComputeModelOptions, createComputeModel } from "../model/compute-model.ts";
import type { DataPlaneEffect } from "../model/data-plane-port.ts";
import type { DueEffects } from "../model/pace/operations.ts";
import { createDeviceState } from "./device-state.ts";
import type { InputRecord, RecordedInput } from "./recorded-input.ts";

const ANOTHER_VERSION = "the state is another version's; use that version, or begin again in another folder";

/** A model whose state lasts, the clock that it is on, and the devices that it has at its start. */
export interface LastingModel {
  readonly model: ComputeModel;
  readonly clock: Clock;
  /** Brings a data plane without devices to those of the model. */
  readonly deviceEffects: readonly DataPlaneEffect[];
}

/** A model's clock, in milliseconds since 1970. */
type Clock = ComputeModelOptions["clock"];

/**
 * A model that begins with the state which the record's inputs lead to, and records each further input before
 * a client gets its answer. Operations continue: those that became due between two runs end at once, and
 * device work that was interrupted is repeated. If an input can't be recorded, `handle` throws from then on,
 * and nothing happens any more: the next run has the state without that input.
 *
 * Throws if a recorded input has another effect now, by another version: the state would be another one.
 */
export function createLastingModel(
  options: ComputeModelOptions,
  { record, startedAtMs }: { readonly record: InputRecord; readonly startedAtMs: number },
): LastingModel {
  let nowMs = startedAtMs;
  const model = createComputeModel({ ...options, clock: { nowMs: () => nowMs } });
  const devices = createDeviceState();
  /** Device work that is due and not settled. */
  const due = new Map<string, DueEffects>();

  const replay = (input: RecordedInput): void => {
    nowMs = input.atMs;
    if (input.kind === "call") {
      const answer = model.handle(input.request);
      if (!isSame(answer, input)) throw differently(answer, input);
    } else {
      model.advanceTo(nowMs);
      for (const work of model.takeDueEffects()) due.set(work.operationId, work);
      const work = due.get(input.operationId);
      if (work === undefined) throw unknownOperation(input.operationId);
      if (input.failure === undefined) devices.add(work.effects);
      due.delete(input.operationId);
      model.settleOperation(input.operationId, input.failure, input.output);
    }
  };
  for (const input of record.inputs()) replay(input);
  const deviceEffects = devices.effects();
  const clock = notBefore(nowMs, options.clock);

  let loss: Error | undefined;
  /** Keeps an input; returns why not. Once one is missing, no later one leads to this state. */
  const keep = (input: RecordedInput): Error | undefined => {
    try {
      if (loss === undefined) record.append(input);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      loss = new Error(`the state can't be kept: ${why}`, { cause: error });
    }
    return loss;
  };
  return {
    clock,
    deviceEffects,
    model: {
      ...model,
      handle: (request) => {
        if (loss !== undefined) throw loss;
        // The model gets what a replay will: JSON has no infinite numbers, for example.
        const recorded = JSON.parse(JSON.stringify(request)) as ArmRequest;
        nowMs = clock.nowMs();
        const answer = answered(recorded);
        const { status } = answer;
        const lost = keep({
          kind: "call",
          atMs: nowMs,
          request: recorded,
          status,
          requestId: requestIdOf(answer),
        });
        if (lost !== undefined) throw lost;
        return answer;
      },
      nextEventAtMs: () => (loss === undefined ? model.nextEventAtMs() : undefined),
      advanceTo: (toMs) => {
        if (loss !== undefined) return;
        nowMs = Math.max(nowMs, toMs);
        model.advanceTo(nowMs);
      },
      takeDueEffects: () => {
        // The call that began this work may be the one that is missing.
        if (loss !== undefined) return [];
        const interrupted = [...due.values()];
        due.clear();
        return [...interrupted, ...model.takeDueEffects()];
      },
      settleOperation: (operationId, failure, output) => {
        const lost = keep({
          kind: "settled",
          atMs: nowMs,
          operationId,
          ...(failure === undefined ? {} : { failure }),
          ...(output === undefined ? {} : { output }),
        });
        // Otherwise it stays in progress, and the next run repeats its device work.
        if (lost === undefined) model.settleOperation(operationId, failure, output);
      },
    },
  };

  /** A call that the model can't end has changed it all the same: what follows can't be replayed. */
  function answered(request: ArmRequest): ArmAnswer {
    try {
      return model.handle(request);
    } catch (error) {
      loss = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
}

/** The clock, ahead by a constant if the system's clock was set back since a recorded input. */
function notBefore(lastMs: number, clock: Clock): Clock {
  const aheadMs = Math.max(0, lastMs - clock.nowMs());
  return { nowMs: () => clock.nowMs() + aheadMs };
}

function isSame(answer: ArmAnswer, recorded: RecordedInput & { readonly kind: "call" }): boolean {
  return answer.status === recorded.status && requestIdOf(answer) === recorded.requestId;
}

function differently(answer: ArmAnswer, recorded: RecordedInput & { readonly kind: "call" }): Error {
  const { method, path } = recorded.request;
  return new Error(
    `${method} ${path} of ${isoTime(recorded.atMs)} was answered ${recorded.status} ` +
      `(${recorded.requestId}) and would be ${answer.status} (${requestIdOf(answer)}) now: ` +
      ANOTHER_VERSION,
  );
}

function unknownOperation(operationId: string): Error {
  return new Error(`device work of operation ${operationId} was done, and none is due: ${ANOTHER_VERSION}`);
}

function requestIdOf(answer: ArmAnswer): string {
  return answer.headers["x-ms-request-id"] ?? "";
}
