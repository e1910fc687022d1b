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
  const log = `${"log"}ger.info(`;
  const long = "a ".repeat(60);
  const prose = [
    {
      path: "a.ts",
      text: `// ${"Nob"}ody knows.`,
      rules: ["plain-words"],
      because: "a component has a name",
    },
    { path: "a.ts", text: `const is${"An"}ew = 1;`, rules: ["plain-words"], because: "names are read, too" },
    { path: "a.ts", text: `"${"nob"}ody:x:65534:"`, rules: [], because: "Unix calls its user so" },
    { path: "a.ts", text: `it goes ${"o"}n`, rules: ["plain-words"], because: "it continues" },
    { path: "a.ts", text: "it goes on to the next", rules: [], because: "it moves" },
    { path: "a.ts", text: `it ${"tel"}ls which one`, rules: ["plain-words"], because: "it reports it" },
    { path: "a.ts", text: "tells one from another", rules: [], because: "it distinguishes them" },
    { path: "a.md", text: `- not told ${"who"}m`, rules: ["plain-words"], because: "a component has a name" },
    { path: "a.md", text: `says \`made ${"an"}ew\``, rules: [], because: "a quotation stays as it is" },
    { path: "a.yaml", text: `# ${"an"}ew`, rules: [], because: "the rule is for sources and documents" },
    { path: "a.ts", text: ` * ${long}`, rules: ["line-length"], because: "the formatter breaks no comment" },
    { path: "a.ts", text: `  detail: "${long}",`, rules: ["line-length"], because: "words can be split" },
    { path: "a.ts", text: `  "${"a".repeat(120)}",`, rules: [], because: "one word can't be split" },
    { path: "a.ts", text: `  match(/${long}/u);`, rules: [], because: "a pattern is not split" },
    { path: "a.md", text: `${long}a`, rules: ["line-length"], because: "it is longer than 120 columns" },
    { path: "a.md", text: `| ${long} |`, rules: [], because: "a row of a table is one line" },
    { path: "a.md", text: `\`\`\`\n${long}a\n\`\`\``, rules: [], because: "code is not prose" },
    { path: "a.md", text: `[a](https://${"a".repeat(120)})`, rules: [], because: "an address is one word" },
    { path: "a.test.ts", text: `it("${"a".repeat(81)}"`, rules: ["test-title"], because: "it is cut off" },
    { path: "a.test.ts", text: `it("${"a".repeat(80)}"`, rules: [], because: "80 characters are shown" },
    { path: "a.ts", text: `${log}\`node \${name}\`)`, rules: ["log-message"], because: "facts are fields" },
    { path: "a.ts", text: `${log}\n  done ? "a" : "b",`, rules: ["log-message"], because: "it varies" },
    { path: "a.ts", text: `${log}"node " + name)`, rules: ["log-message"], because: "it is put together" },
    { path: "a.ts", text: `${log}\n  "node ready",\n  { name })`, rules: [], because: "it is constant" },
    {
      path: "a.test.ts",
      text: `it(\`${"a".repeat(80)}\${because}\``,
      rules: [],
      because: "the row's part is not counted",
    },
  ];
  for (const { path, text, rules: expected, because } of prose)
    it(`find ${expected.join(", ") || "nothing"} in ${path} because ${because}`, () => {
      assert.deepEqual(
        findTextViolations(path, `\n${text}\n`).map(({ line, rule }) => ({ line, rule })),
        expected.map((rule) => ({ line: 2, rule })),
      );
    });
  for (const row of rows)
    it(`find ${row.rules.join(", ") || "nothing"} because ${row.because}`, () => {
      assert.deepEqual(
        findTextViolations("file.ts", `\n${row.text}\n`).map(({ line, rule }) => ({ line, rule })),
        row.rules.map((rule) => ({ line: 2, rule })),
      );
    });
});
