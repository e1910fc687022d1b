import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A process whose work ends at once, and that a command may keep. */
async function endWith(ms: number, command: readonly string[]): Promise<unknown> {
  const script = `
    const { endWithin } = await import(${JSON.stringify(import.meta.resolve("./end-within.ts"))});
    const { spawn } = await import("node:child_process");
    const [program, ...args] = ${JSON.stringify(command)};
    const child = program === undefined ? undefined : spawn(program, args, { stdio: "ignore" });
    process.once("exit", () => child?.kill());
    process.exitCode = 7;
    endWithin(${ms});
  `;
  const options = { timeout: 60_000 };
  return await run(process.execPath, ["--input-type=module", "--eval", script], options).then(
    () => undefined,
    (error: { readonly code: unknown }) => error.code,
  );
}

it("ends a process that a command keeps", async () => assert.equal(await endWith(50, ["sleep", "600"]), 7));

it("keeps no process that nothing else keeps", async () => assert.equal(await endWith(600_000, []), 7));
