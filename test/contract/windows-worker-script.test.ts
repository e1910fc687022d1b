import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WORKER_SCRIPT } from "../../src/adapters/windows/worker-script.ts";
import { doubledCmdlets } from "./windows/power-shell-double.ts";

/**
 * No PowerShell runs here. These are the mistakes in the workers' script that show without one: each would
 * keep every Windows node from its first call.
 */
describe("the script of the PowerShell workers", () => {
  /** Without comments and texts, which may contain anything. */
  const code = WORKER_SCRIPT.replaceAll(/'[^'\n]*'|#[^\n]*/gu, (match) =>
    match.startsWith("#") ? "" : "''",
  );

  it("allows the cmdlets that the double has, each once, and no other one", () => {
    const [, list = ""] = /^\$allowed = @\(([^)]*)\)$/mu.exec(WORKER_SCRIPT) ?? [];
    const allowed = [...list.matchAll(/'([^']*)'/gu)].map(([, name = ""]) => name);
    assert.deepEqual(allowed.toSorted(), doubledCmdlets.toSorted());
  });

  it("closes each bracket and each text that it opens", () => {
    const pairs: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
    const open: string[] = [];
    for (const [bracket] of code.matchAll(/[()[\]{}]/gu))
      if (pairs[bracket] === undefined) open.push(bracket);
      else assert.equal(open.pop(), pairs[bracket], `before ${bracket} of ${code}`);
    assert.deepEqual(open, []);
    assert.doesNotMatch(code.replaceAll("''", ""), /['"`]/u);
  });

  it("reads no variable that it has not set", () => {
    const own = ["true", "false", "null", "_"];
    const set = [
      ...code.matchAll(/\$(\w+) = /gu),
      ...code.matchAll(/foreach \(\$(\w+) in /gu),
      ...[...code.matchAll(/^function [\w-]+\(([^)]*)\)/gmu)].flatMap(([, list = ""]) => [
        ...list.matchAll(/\$(\w+)/gu),
      ]),
    ].map(([, name = ""]) => name.toLowerCase());
    const read = [...code.matchAll(/[$@](\w+)/gu)].map(([, name = ""]) => name.toLowerCase());
    assert.deepEqual(
      read.filter((name) => !own.includes(name) && !set.includes(name)),
      [],
    );
  });

  it("reads no input but its calls, which PowerShell would hand to $input first", () => {
    // PowerShell reads the standard input itself where a command uses that variable.
    assert.doesNotMatch(WORKER_SCRIPT, /\$input\b|Read-Host/iu);
  });
});
