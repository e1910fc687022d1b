import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLeafCounter } from "./leaf-outcomes.ts";
import type { TestReport } from "./leaf-outcomes.ts";

type End = Extract<TestReport, { kind: "End" }>;

function start(nesting: number, name: string): TestReport {
  return { kind: "Start", nesting, name };
}

function end(nesting: number, name: string, over: Partial<End> = {}): TestReport {
  return {
    kind: "End",
    nesting,
    name,
    file: "a.test.ts",
    isSuite: false,
    durationMs: 1,
    error: undefined,
    skip: undefined,
    todo: undefined,
    ...over,
  };
}

const SUBTESTS_FAILED = { text: "1 subtest failed", onlySubtestsFailed: true };
const HOOK_FAILED = { text: "hook failed", onlySubtestsFailed: false };

describe("leaf outcomes", () => {
  const rows: readonly {
    readonly because: string;
    readonly reports: readonly TestReport[];
    readonly expected: readonly string[];
  }[] = [
    {
      because: "a suite is not a test",
      reports: [
        start(0, "suite"),
        start(1, "one"),
        end(1, "one"),
        start(1, "two"),
        end(1, "two"),
        end(0, "suite", { isSuite: true }),
      ],
      expected: ["passed suite › one", "passed suite › two"],
    },
    {
      because: "a failed test is not counted again for its suite",
      reports: [
        start(0, "suite"),
        start(1, "one"),
        end(1, "one", { error: HOOK_FAILED }),
        end(0, "suite", { isSuite: true, error: SUBTESTS_FAILED }),
      ],
      expected: ["failed suite › one"],
    },
    {
      because: "a failed hook is a failure of its own",
      reports: [
        start(0, "suite"),
        start(1, "one"),
        end(1, "one", { error: HOOK_FAILED }),
        end(0, "suite", { isSuite: true, error: HOOK_FAILED }),
      ],
      expected: ["failed suite › one", "failed suite"],
    },
    {
      because: "a test with tests inside is their suite",
      reports: [
        start(0, "outer"),
        start(1, "inner"),
        end(1, "inner"),
        end(0, "outer"),
        start(0, "next"),
        end(0, "next"),
      ],
      expected: ["passed outer › inner", "passed next"],
    },
    {
      because: "an empty suite says nothing",
      reports: [start(0, "suite"), end(0, "suite", { isSuite: true })],
      expected: [],
    },
    {
      because: "a suite skipped as a whole is one skip",
      reports: [start(0, "suite"), end(0, "suite", { isSuite: true, skip: "needs root" })],
      expected: ["skipped suite"],
    },
    {
      because: "a skip has a reason",
      reports: [start(0, "one"), end(0, "one", { skip: "needs Go" })],
      expected: ["skipped one"],
    },
    {
      because: "a skip without a reason hides something",
      reports: [start(0, "one"), end(0, "one", { skip: true })],
      expected: ["failed one"],
    },
    {
      because: "a test that is only planned has not passed",
      reports: [start(0, "one"), end(0, "one", { todo: true })],
      expected: ["skipped one"],
    },
  ];
  for (const { because, reports, expected } of rows)
    it(`are ${expected.join(", ") || "none"} because ${because}`, () => {
      const count = createLeafCounter();
      const outcomes = reports.map(count).filter((outcome) => outcome !== undefined);
      assert.deepEqual(
        outcomes.map(({ result, name }) => `${result} ${name}`),
        expected,
      );
    });
});
