import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { startRole } from "./testing/start-role.ts";

it("writes Node's warnings, and lines of libraries, as JSON lines", async (t) => {
  const program = await startRole(
    t,
    `process.stdin.on("data", () => {
      console.error("E %s", "first\\nsecond");
      process.emitWarning("planted");
      setImmediate(() => process.stdout.write("written\\n"));
    });`,
  );
  const written = text(program.stderr);
  program.stdin.end("go\n");
  await once(program.stdout, "data");
  program.kill("SIGTERM");
  const lines = (await written).trimEnd().split("\n");
  const logged = lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const library = logged.find(({ msg }) => msg === "a library logs");
  assert.deepEqual([library?.["level"], library?.["role"]], ["warn", "store"]);
  assert.equal(library?.["text"], "E first\nsecond");
  const warnings = logged.filter(({ msg }) => msg === "Node warns").map(({ warning }) => String(warning));
  assert.ok(warnings.some((warning) => warning.startsWith("Warning: planted\n")));
});
