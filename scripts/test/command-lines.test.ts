import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type CommandOutcome, runCommand } from "../child/run-command.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A busy machine takes this long to load the simulation. */
const TIMEOUT_MS = 600_000;
/** Every program that an npm script starts, and those that no script starts. */
async function programs(): Promise<readonly string[]> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const ofScripts = Object.values(scripts).flatMap((line) => /^node (\S+\.ts)/u.exec(line)?.[1] ?? []);
  return [...new Set([...ofScripts, "src/main.ts", "src/emulator/main.ts", "testbed/registry/main.ts"])];
}

/** Programs load for seconds: the calls of one program are enough to fill two cores. */
async function calls(program: string): Promise<readonly CommandOutcome[]> {
  return Promise.all(
    [["-h"], ["--version"], ["--bogus"]].map((flags) =>
      runCommand(process.execPath, [join(ROOT, program), ...flags], { cwd: ROOT, timeoutMs: TIMEOUT_MS }),
    ),
  );
}

describe("every program", () => {
  for (const role of [
    "controller",
    "node",
    "scheduler-extender",
    "standalone",
    "store",
    "pre-stop",
    "preflight",
  ])
    it(`has -h and --version, and refuses unknown flags: role ${role}`, async () => {
      const run = (...flags: readonly string[]) =>
        runCommand(process.execPath, [join(ROOT, "src/main.ts"), role, ...flags], { cwd: ROOT });
      const [help, version, wrong] = await Promise.all([run("-h"), run("--version"), run("--log-leve=info")]);
      assert.match(help.output, new RegExp(`^azuredisk-csi-driver ${role}\\b.*`, "u"));
      assert.deepEqual([help.code, version.code, wrong.code], [0, 0, 2]);
      assert.match(version.output, new RegExp(`^azuredisk-csi-driver ${role} \\d+\\.\\d+\\.\\d+\\n$`, "u"));
      assert.match(wrong.output, /: --log-leve: unknown flag; did you mean --log-level\?\n/u);
    });

  it("has -h and --version, and refuses unknown flags without a stack trace", async () => {
    for (const program of await programs()) {
      const [help, version, wrong] = await calls(program);
      assert.deepEqual([program, help?.code, version?.code, wrong?.code], [program, 0, 0, 2]);
      assert.match(help?.output ?? "", /--version/u, program);
      assert.match(version?.output ?? "", /^\S.* \d+\.\d+\.\d+\n$/u, program);
      assert.match(wrong?.output ?? "", /--bogus"?[;:].*\n(?:.*\n)*Try .*--help\.\n$/u, program);
    }
  });
});
