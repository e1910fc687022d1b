import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findTextViolations } from "./text-rules.ts";

describe("text rules", () => {
  const rows = [
    {
      text: `// ${"TO"}DO: later`,
      rules: ["open-work"],
      because: "work without an issue is not found again",
    },
    { text: `// ${"TO"}DO(#12): later`, rules: [], because: "the issue says the rest" },
    { text: `// ${"FIX"}ME(someone)`, rules: ["open-work"], because: "a person is not an issue" },
    {
      text: `const root = "${"/work"}/main/src";`,
      rules: ["machine-path"],
      because: "other machines have other folders",
    },
    { text: `import x from "../${"work"}/main.ts";`, rules: [], because: "a relative path is no machine's" },
    {
      text: `"resolved": "https://${"registry.npmjs"}.org/zod"`,
      rules: ["registry-host"],
      because: "a mirror has another host",
    },
  ];
  for (const row of rows) {
    it(`find ${row.rules.join(", ") || "nothing"} because ${row.because}`, () => {
      assert.deepEqual(
        findTextViolations("file.ts", `\n${row.text}\n`).map(({ line, rule }) => ({ line, rule })),
        row.rules.map((rule) => ({ line: 2, rule })),
      );
    });
  }
});
