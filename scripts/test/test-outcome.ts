/** How one leaf test (a test without tests inside) ended. */
export interface TestOutcome {
  /** The names from the outermost suite to the test. */
  readonly name: string;
  /** Relative to the project. */
  readonly file: string;
  readonly result: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped; empty if it passed. */
  readonly reason: string;
  readonly durationMs: number;
}

/** What a suite's process sends to the process that started it. */
export type SuiteMessage =
  | { readonly kind: "Outcome"; readonly outcome: TestOutcome }
  /** The tests and suites that run now, outermost first; empty between tests. */
  | { readonly kind: "Running"; readonly names: readonly string[] }
  /** A message that a test reports with `t.diagnostic`. */
  | { readonly kind: "Note"; readonly text: string }
  /** The answer to `SuiteQuestion`: what keeps the process from ending. */
  | { readonly kind: "OpenResources"; readonly resources: readonly string[] };

/** Asks a suite's process what it still holds open. */
export interface SuiteQuestion {
  readonly kind: "WhatIsOpen";
}
