import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/** The output of `npm run sim`. Rejects if it fails. */
async function printed(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], {
    maxBuffer: OUTPUT_MAX_BYTES,
  });
  return stdout;
}

describe("npm run sim", () => {
  it("prints the whole trace for --trace, also if every promise was kept", async () => {
    const traced = await printed("--seed", "1", "--trace");
    const lines = traced.split("\n");
    const at = (what: string): number => lines.findIndex((line) => line.includes(what));
    assert.ok(
      at("the storm begins") > 0 && at("the storm begins") < at("the storm is over"),
      `${lines.length} lines`,
    );
    assert.match(traced, /every promise was kept/u);
    assert.doesNotMatch(await printed("--seed", "1"), /the storm/u);
  });
});
