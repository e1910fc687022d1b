import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readOutput } from "./run-command-output.ts";

describe("the output of a run command", () => {
  const rows: readonly [because: string, value: readonly object[] | undefined, expected: object][] = [
    [
      "one message has both streams",
      [{ code: "ProvisioningState/succeeded", message: "Enable succeeded: \n[stdout]\na\nb\n[stderr]\nc" }],
      { stdout: "a\nb", stderr: "c" },
    ],
    [
      "each stream has a status of its own",
      [
        { code: "ComponentStatus/StdErr/succeeded", message: "c" },
        { code: "ComponentStatus/StdOut/succeeded", message: "a" },
      ],
      { stdout: "a", stderr: "c" },
    ],
    [
      "only errors were written",
      [{ code: "ComponentStatus/StdErr/failed", message: "c" }],
      { stdout: "", stderr: "c" },
    ],
    ["there is no value", undefined, { stdout: "", stderr: "" }],
  ];
  for (const [because, value, expected] of rows)
    it(`is read where ${because}`, () => {
      assert.deepEqual(readOutput({ value }), expected);
    });
});
