/** One check of the whole tree. */
export interface Check {
  readonly name: string;
  /** Whether it runs the linter or the formatter, or reads their types. Default: no. */
  readonly needsTools?: true;
  readonly run: (root: string) => Promise<CheckResult>;
}

/** `summary` says in a few words what was checked; `output` is shown when the check fails. */
export interface CheckResult {
  readonly ok: boolean;
  readonly summary: string;
  readonly output: string;
}
