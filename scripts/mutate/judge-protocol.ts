/** What a judging thread is started with. */
export interface JudgeThreadData {
  /** The project's folder, as a URL that ends in a slash. */
  readonly rootUrl: string;
  /** Instrumented sources by the URL of the file. */
  readonly sources: ReadonlyMap<string, string>;
  /** A mutant that is switched on before anything is loaded. */
  readonly activeFromStart: number | undefined;
  /** How long a test may take that was never run before, in milliseconds. */
  readonly firstRunMaxMs: number;
}

/** A test, with what it takes without a mutant. */
export interface TestName {
  readonly file: string;
  readonly title: string;
  readonly usual: { readonly durationMs: number; readonly askedCount: number };
}

/** A test as it was run once without a mutant. */
export interface MeasuredTest {
  readonly file: string;
  readonly title: string;
  readonly durationMs: number;
  readonly askedCount: number;
  /** Numbers of the mutants whose code it runs. */
  readonly reached: readonly number[];
  /** Why it fails without a mutant: it can judge nothing. */
  readonly failure: string | undefined;
}

/**
 * What became of a mutant. `spoilt` says nothing of it: the thread is to be replaced, and the mutant judged
 * again.
 */
export type Verdict =
  | { readonly kind: "killed"; readonly by: Pick<TestName, "file" | "title">; readonly why: string }
  | { readonly kind: "survived" }
  | { readonly kind: "spoilt"; readonly why: string };

export type JudgeTask =
  | { readonly kind: "measure"; readonly file: string }
  | { readonly kind: "judge"; readonly mutant: number; readonly tests: readonly TestName[] };

export type JudgeAnswer =
  | {
      readonly kind: "measured";
      readonly tests: readonly MeasuredTest[];
      readonly reachedAtLoad: readonly number[];
    }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  | { readonly kind: "error"; readonly why: string };
