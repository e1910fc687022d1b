/** What a thread in which models judge is started with. */
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

/** One model, and the mutants that it judges, by number. */
export interface ModelTask {
  readonly model: string;
  readonly mutants: readonly number[];
}

/** What a model says of a mutant. */
export type ModelVerdict =
  /** The model never runs the changed code. */
  | { readonly kind: "unasked" }
  /** Whatever the model asks, the answer is the same. */
  | { readonly kind: "same" }
  /** The model gets other answers, and nothing goes wrong in the states that it explores. */
  | { readonly kind: "passed" }
  | { readonly kind: "killed"; readonly why: string };

export type ModelAnswer =
  | { readonly kind: "ready"; readonly models: readonly string[] }
  | { readonly kind: "verdict"; readonly id: number; readonly verdict: ModelVerdict }
  | { readonly kind: "done" };
