import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { mutations } from "./mutations.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A child takes seconds of processor time, and may get little of it beside other suites. */
const TIMEOUT_MS = 600_000;
/**
 * A contract suite runs against several adapters: the one without real time is enough, and takes seconds.
 */
const ADAPTER = "--test-name-pattern=on a virtual clock";

describe("a mutated driver", { concurrency: availableParallelism() }, () => {
  for (const { name, noticedBy } of mutations) {
    it(`fails ${noticedBy} without ${name}`, async (t) => {
      const chosen = noticedBy.startsWith("test/contract/") ? [ADAPTER] : [];
      const args = [
        "--import",
        "./sim/mutations/import-mutated.ts",
        "--test-reporter=tap",
        ...chosen,
        noticedBy,
      ];
      const { code, output } = await runCommand(process.execPath, args, {
        cwd: ROOT,
        // Under `node --test` the child would report to that runner in its own format.
        env: { SIM_MUTATION: name, NODE_TEST_CONTEXT: "" },
        timeoutMs: TIMEOUT_MS,
      });
      const count = (what: string): number =>
        Number(new RegExp(`^# ${what} (\\d+)$`, "mu").exec(output)?.[1] ?? 0);
      // A source that does not load fails without a test.
      assert.ok(code !== 0 && count("fail") > 0, output.slice(-2_000));
      t.diagnostic(`${name}: ${count("fail")} of ${count("fail") + count("pass")} tests fail`);
    });
  }
});
