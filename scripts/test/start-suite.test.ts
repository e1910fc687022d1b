import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startSuite } from "./start-suite.ts";
import type { SuiteResult } from "./start-suite.ts";
import type { Lane, Suite } from "./suites.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMPORT = 'import { it } from "node:test";\n';
/** Longer than a new process takes on a busy machine, in milliseconds. */
const PATIENCE_MS = 240_000;
/** Processor time of a child, in milliseconds, and what rounding down to the kernel's ticks may lose. */
const CHILD_MS = 500;
const ROUNDING_MS = 40;

describe("a suite", () => {
  let folder = "";
  let checkpoints: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "suite-"));
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** `timeoutMs` counts from the end of a first test, however long the process took until then. */
  async function runSource(
    source: string,
    { timeoutMs = PATIENCE_MS, idleMaxMs = PATIENCE_MS, lane = "machine" as Lane } = {},
  ): Promise<SuiteResult> {
    checkpoints = [];
    await writeFile(join(folder, "planted.test.ts"), source);
    let hasBegun = false;
    const suite: Suite = {
      name: "planted",
      files: ["planted.test.ts"],
      get timeoutMs() {
        return hasBegun ? timeoutMs : PATIENCE_MS;
      },
      idleMaxMs,
      needsParts: false,
      lane,
    };
    return startSuite(
      suite,
      folder,
      { onOutcome: () => (hasBegun = true), onCheckpoint: (text) => checkpoints.push(text) },
      new AbortController().signal,
    );
  }

  it("reports each test, with the reason of a skip and of a failure", async () => {
    const { outcomes, trouble } = await runSource(
      `${IMPORT}it("good", (t) => { t.diagnostic("by the way"); });\n` +
        'it("bad", () => { throw new Error("two is not three"); });\n' +
        'it("absent", (t) => { t.skip("needs a moon"); });\n',
    );
    assert.deepEqual(
      outcomes.map(({ name, file, result, reason }) => ({
        name,
        file,
        result,
        reason: reason.split("\n", 1)[0],
      })),
      [
        { name: "good", file: "planted.test.ts", result: "passed", reason: "" },
        { name: "bad", file: "planted.test.ts", result: "failed", reason: "Error: two is not three" },
        { name: "absent", file: "planted.test.ts", result: "skipped", reason: "needs a moon" },
      ],
    );
    assert.equal(trouble, undefined);
    assert.deepEqual(checkpoints, ["by the way"]);
  });

  it("leaves the processor to other suites where it only computes, as a session too", async () => {
    const { outcomes } = await runSource(
      'import { existsSync, readFileSync } from "node:fs"; import { getPriority } from "node:os";\n' +
        'const path = "/proc/self/autogroup";\n' +
        `${IMPORT}it(\`process \${getPriority()}\`, () => {});\n` +
        'it(existsSync(path) ? readFileSync(path, "utf8").replace(/.* nice/u, "session").trim() : "session 19", () => {});\n',
      { lane: "simulation" },
    );
    assert.deepEqual(
      outcomes.map(({ name }) => name),
      ["process 19", "session 19"],
    );
  });

  it("counts the processor time of its process and of the children that it waited for", async () => {
    const { outcomes, processorMs } = await runSource(
      'import { execFileSync } from "node:child_process";\n' +
        `const spin = "while (process.cpuUsage().user < ${CHILD_MS * 1000});";\n` +
        `${IMPORT}it("waits for a child", async (t) => {\n` +
        '  execFileSync(process.execPath, ["-e", spin]);\n' +
        "  const { user, system } = process.cpuUsage();\n" +
        "  await t.test(String((user + system) / 1000), () => {});\n" +
        // The process is looked at once more before this ends it.
        "  setTimeout(() => {}, 600_000);\n});\n",
      { idleMaxMs: 100 },
    );
    const ownMs = Number(outcomes[0]?.name.split(" › ").at(-1));
    assert.ok(processorMs >= ownMs + CHILD_MS - ROUNDING_MS, `${processorMs} ms, its own: ${ownMs} ms`);
  });

  const rows: readonly {
    readonly what: string;
    readonly source: string;
    readonly failed: number;
    readonly trouble: RegExp | undefined;
    readonly limits?: Parameters<typeof runSource>[1];
  }[] = [
    { what: "a file that can't be loaded", source: 'import "./absent.ts";\n', failed: 1, trouble: undefined },
    { what: "a file without tests", source: "export {};\n", failed: 1, trouble: undefined },
    {
      what: "a process that exits by itself",
      source: `${IMPORT}it("exits", () => { process.exit(3); });\n`,
      failed: 0,
      trouble: /ended with code 3/u,
    },
    {
      what: "a test that hangs",
      source:
        `${IMPORT}it("hangs", async (t) => { await t.test("first", () => {}); ` +
        "await new Promise((resume) => setTimeout(resume, 600_000)); });\n",
      failed: 0,
      trouble: /not done after 0.1 s; at: hangs/u,
      limits: { timeoutMs: 100 },
    },
    {
      what: "a forgotten timer",
      source: `${IMPORT}it("forgets", () => { setTimeout(() => {}, 600_000); });\n`,
      failed: 0,
      trouble: /left something open.*Timeout/u,
      limits: { idleMaxMs: 100 },
    },
  ];
  for (const { what, source, failed, trouble, limits } of rows)
    it(`fails on ${what}`, async () => {
      const result = await runSource(source, limits);
      assert.equal(result.outcomes.filter((outcome) => outcome.result === "failed").length, failed);
      if (trouble === undefined) assert.equal(result.trouble, undefined);
      else assert.match(result.trouble ?? "", trouble);
    });
});
