import type { ArmAnswer } from "../model/api/arm-message.ts";
import { isoTime } from "../model/api/iso-time.ts";
import { type ComputeModel, type ComputeModelOptions, createComputeModel } from "../model/compute-model.ts";
import type { DataPlaneEffect } from "../model/data-plane-port.ts";
import type { DueEffects } from "../model/pace/operations.ts";
import { createDeviceState } from "./device-state.ts";
import type { InputRecord, RecordedInput } from "./recorded-input.ts";

/** A model whose state lasts, and the devices that it has at its start. */
export interface LastingModel {
  readonly model: ComputeModel;
  /** Brings a data plane without devices to those of the model. */
  readonly deviceEffects: readonly DataPlaneEffect[];
}

/**
 * A model that begins with the state which the record's inputs lead to, and records each further input before
 * a client gets its answer. Operations continue: those that became due between two runs end at once, and
 * device work that was interrupted is repeated. If an input can't be recorded, `handle` throws from then on.
 *
 * Throws if a recorded call is answered differently now, by another version: the state would be another one.
 */
export function createLastingModel(
  options: ComputeModelOptions,
  { record, startedAtMs }: { readonly record: InputRecord; readonly startedAtMs: number },
): LastingModel {
  const { clock, hasDataPlane = false } = options;
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
      takeDue();
      const effects = due.get(input.operationId)?.effects ?? [];
      if (input.failure === undefined) devices.add(effects);
      due.delete(input.operationId);
      model.settleOperation(input.operationId, input.failure);
    }
    if (hasDataPlane) takeDue();
  };
  const takeDue = (): void => {
    for (const work of model.takeDueEffects()) due.set(work.operationId, work);
  };
  for (const input of record.inputs()) replay(input);
  const deviceEffects = devices.effects();

  let loss: Error | undefined;
  /** Keeps an input; returns why not. Once one is missing, no later one leads to this state. */
  const keep = (input: RecordedInput): Error | undefined => {
    try {
      if (loss === undefined) record.append(input);
    } catch (error) {
      loss = new Error(`the state can't be kept: ${error instanceof Error ? error.message : String(error)}`);
    }
    return loss;
  };
  const advance = (toMs: number): void => {
    // The system's clock may have been set back between two runs.
    nowMs = Math.max(nowMs, toMs);
  };
  return {
    deviceEffects,
    model: {
      ...model,
      handle: (request) => {
        if (loss !== undefined) throw loss;
        advance(clock.nowMs());
        const answer = model.handle(request);
        const { status } = answer;
        const lost = keep({ kind: "call", atMs: nowMs, request, status, requestId: requestIdOf(answer) });
        if (lost !== undefined) throw lost;
        return answer;
      },
      advanceTo: (toMs) => {
        advance(toMs);
        model.advanceTo(nowMs);
      },
      takeDueEffects: () => {
        const interrupted = [...due.values()];
        due.clear();
        return [...interrupted, ...model.takeDueEffects()];
      },
      settleOperation: (operationId, failure) => {
        const settled = { kind: "settled", atMs: nowMs, operationId } as const;
        const lost = keep(failure === undefined ? settled : { ...settled, failure });
        // Otherwise it stays in progress, and the next run repeats its device work.
        if (lost === undefined) model.settleOperation(operationId, failure);
      },
    },
  };
}

function isSame(answer: ArmAnswer, recorded: RecordedInput & { readonly kind: "call" }): boolean {
  return answer.status === recorded.status && requestIdOf(answer) === recorded.requestId;
}

function differently(answer: ArmAnswer, recorded: RecordedInput & { readonly kind: "call" }): Error {
  const { method, path } = recorded.request;
  return new Error(
    `${method} ${path} of ${isoTime(recorded.atMs)} was answered ${recorded.status} ` +
      `(${recorded.requestId}) and would be ${answer.status} (${requestIdOf(answer)}) now: ` +
      "the state is another version's; use that version, or begin again in another folder",
  );
}

function requestIdOf(answer: ArmAnswer): string {
  return answer.headers["x-ms-request-id"] ?? "";
}
