import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { it } from "node:test";
import { runCommand } from "./run-command.ts";

const LIMIT_MS = 240_000;
const module = new URL("run-command.ts", import.meta.url).href;

it("ends at once and names a command that can't be started", async () => {
  const source = `import { runCommand } from ${JSON.stringify(module)};
const { code, output } = await runCommand("no-such-command", [], { cwd: "/", timeoutMs: 300_000 });
console.log(code, output);`;
  const outcome = await runCommand(process.execPath, ["--input-type=module", "-e", source], {
    cwd: tmpdir(),
    timeoutMs: LIMIT_MS,
  });
  assert.equal(outcome.code, 0, outcome.output);
  assert.match(outcome.output, /^undefined no-such-command could not be started: .*ENOENT/u);
});

it("kills a command that exceeds its time limit", async () => {
  const { code, output } = await runCommand(process.execPath, ["-e", "setInterval(() => 0, 1000)"], {
    cwd: tmpdir(),
    timeoutMs: 100,
  });
  assert.equal(code, undefined);
  assert.match(output, /was ended by SIGKILL/u);
});
