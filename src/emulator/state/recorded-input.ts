import type { ArmRequest } from "../model/api/arm-message.ts";
import type { ScriptOutput } from "../model/run-command/guests-port.ts";

/**
 * One input of the model. The model is deterministic: with all inputs since its set-up, each at its time, a
 * new one reaches the same state.
 */
export type RecordedInput =
  | {
      readonly kind: "call";
      /** Model time, in milliseconds since 1970. */
      readonly atMs: number;
      readonly request: ArmRequest;
      /** Of the answer: another one at the replay shows that the model has changed. */
      readonly status: number;
      readonly requestId: string;
    }
  | {
      readonly kind: "settled";
      readonly atMs: number;
      readonly operationId: string;
      /** Why the device work failed. */
      readonly failure?: string;
      /** Of the script that it ran. */
      readonly output?: ScriptOutput;
    };

/** Keeps the inputs of a model, oldest first. */
export interface InputRecord {
  /** The inputs of earlier runs. */
  inputs(): Iterable<RecordedInput>;
  /** Keeps one more. It is kept once this returns, also if the process is killed. Throws if it can't be. */
  append(input: RecordedInput): void;
}
