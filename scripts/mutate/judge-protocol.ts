/** The data with which a judging thread starts. */
export interface JudgeThreadData {
  /** The project's folder, as a URL that ends in a slash. */
  readonly rootUrl: string;
  /** Instrumented sources by the URL of the file. */
  readonly sources: ReadonlyMap<string, string>;
  /** A mutant that is active before anything is loaded. */
  readonly activeFromStart: number | undefined;
  /** The time limit of a test that has not run before, in milliseconds. */
  readonly firstRunMaxMs: number;
}

/** A test, with its duration without a mutant. */
export interface TestName {
  readonly file: string;
  readonly title: string;
  readonly usual: { readonly durationMs: number; readonly askedCount: number };
}

/** The result of one run of a test without a mutant. */
export interface MeasuredTest {
  readonly file: string;
  readonly title: string;
  readonly durationMs: number;
  readonly askedCount: number;
  /** Numbers of the mutants whose code it runs. */
  readonly reached: readonly number[];
  /** Why it fails without a mutant; such a test can judge nothing. */
  readonly failure: string | undefined;
}

/** How a mutant ended. `spoilt` is no verdict: the thread is replaced, and the mutant judged again. */
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
