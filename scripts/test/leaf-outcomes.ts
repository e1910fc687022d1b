import type { TestOutcome } from "./test-outcome.ts";

/**
 * The part of node:test's reports of starts and ends that is used here. `nesting` is 0 for the outermost.
 */
export type TestReport =
  | { readonly kind: "Start"; readonly nesting: number; readonly name: string }
  | {
      readonly kind: "End";
      readonly nesting: number;
      readonly name: string;
      readonly file: string;
      readonly isSuite: boolean;
      readonly durationMs: number;
      /** `undefined` if it passed. */
      readonly error: { readonly text: string; readonly onlySubtestsFailed: boolean } | undefined;
      /** The reason, `true` without one, `undefined` if it was not skipped. */
      readonly skip: string | true | undefined;
      readonly todo: string | true | undefined;
    };

/**
 * Counts leaf tests only: node:test reports a suite like a test, after the tests inside it. A suite counts
 * only for an outcome of its own: its hook failed, or it was skipped as a whole.
 */
export function createLeafCounter(): (report: TestReport) => TestOutcome | undefined {
  const names: string[] = [];
  const reportedInside: number[] = [];

  return (report) => {
    if (report.kind === "Start") {
      names.length = report.nesting;
      names.push(report.name);
      return undefined;
    }
    const inside = reportedInside[report.nesting + 1] ?? 0;
    reportedInside[report.nesting + 1] = 0;
    reportedInside[report.nesting] = (reportedInside[report.nesting] ?? 0) + 1;
    const name = [...names.slice(0, report.nesting), report.name].join(" › ");
    const outcome = { name, file: report.file, durationMs: report.durationMs };

    if (report.error !== undefined)
      return inside > 0 && report.error.onlySubtestsFailed
        ? undefined
        : { ...outcome, result: "failed", reason: report.error.text };
    if (inside > 0) return undefined;
    if (report.skip === true)
      return {
        ...outcome,
        result: "failed",
        reason: "it is skipped without a reason: say why, or what the machine lacks",
      };
    if (report.skip !== undefined) return { ...outcome, result: "skipped", reason: report.skip };
    if (report.todo !== undefined)
      return {
        ...outcome,
        result: "skipped",
        reason: `not written yet${report.todo === true ? "" : `: ${report.todo}`}`,
      };
    return report.isSuite ? undefined : { ...outcome, result: "passed", reason: "" };
  };
}
