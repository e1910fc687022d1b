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

  it("names what it can't use or find without a stack trace", async () => {
    for (const [program, given, code, says] of [
      ["testbed/lab/main.ts", "status --force", 2, "--force: has no effect on status"],
      ["testbed/lab/main.ts", "status --name=No_Lab", 2, '--name: got "No_Lab"; expected lower-case'],
      ["testbed/lab/main.ts", "down --name=../etc", 2, '--name: got "../etc"; expected lower-case'],
      ["testbed/lab/main.ts", "--name=No_Lab kubectl get nodes", 2, "expected lower-case letters"],
      ["sim/main.ts", "--scenario=/nope", 2, '--scenario: got "/nope"; ENOENT'],
      ["scripts/generate.ts", "--vm-skus=/", 2, '--vm-skus: got "/"; expected a file'],
      ["scripts/image.ts", "--name=azuredisk", 2, '--name: got "azuredisk"; expected registry/'],
      ["bench/failover.ts", "--lab=nope", 2, '--lab: got "nope"; expected a lab that is up'],
      ["scripts/test.ts", "no-such-test", 2, "no suite has one of these names"],
      ["scripts/mutate.ts", "--files=no-such-file", 1, "no file with mutants has one of these"],
    ] as const) {
      const args = [join(ROOT, program), ...given.split(" ")];
      const outcome = await runCommand(process.execPath, args, { cwd: ROOT });
      assert.equal(outcome.code, code, outcome.output);
      assert.ok(outcome.output.includes(says), outcome.output);
      assert.doesNotMatch(outcome.output, /^ {4}at /mu);
    }
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
