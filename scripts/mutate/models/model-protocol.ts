/** The data with which a thread of models starts. */
export interface ModelThreadData {
  /** The module that exports `judgements`. */
  readonly judgementsUrl: string;
  /** Instrumented sources by the URL of the file. */
  readonly sources: ReadonlyMap<string, string>;
  /** The URL of each mutant's file. */
  readonly fileOf: readonly string[];
  /** How many states of each model are explored, nearest first. */
  readonly statesMax: number;
}

/** One model, and the numbers of the mutants that it judges. */
export interface ModelTask {
  readonly model: string;
  readonly mutants: readonly number[];
}

/** A model's verdict on a mutant. */
export type ModelVerdict =
  /** The model never runs the changed code. */
  | { readonly kind: "unasked" }
  /** Every answer to the model is the same as without the mutant. */
  | { readonly kind: "same" }
  /** The model gets other answers, and finds no fault in the states that it explores. */
  | { readonly kind: "passed" }
  | { readonly kind: "killed"; readonly why: string };

export type ModelAnswer =
  | { readonly kind: "ready"; readonly models: readonly string[] }
  | { readonly kind: "verdict"; readonly id: number; readonly verdict: ModelVerdict }
  | { readonly kind: "done" };
