import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { startRole } from "./testing/start-role.ts";

for (const { what, planted, origin, says } of [
  {
    what: "an exception",
    planted: "throw new Error('planted');",
    origin: "uncaughtException",
    says: /^Error: planted\n +at /u,
  },
  {
    what: "a rejected promise",
    planted: "Promise.reject(new Error('planted'));",
    origin: "unhandledRejection",
    says: /^Error: planted\n +at /u,
  },
  {
    what: "a promise that is rejected without an error",
    planted: "Promise.reject('planted');",
    origin: "unhandledRejection",
    says: /"planted"/u,
  },
  {
    what: "an error with its cause",
    planted: "throw new Error('planted', { cause: Object.assign(new Error('below'), { code: 'ELOST' }) });",
    origin: "uncaughtException",
    says: /^Error: planted\n[^]+\[cause\]: Error: below\n[^]+code: 'ELOST'/u,
  },
  {
    what: "what is no error and has no text",
    planted: "throw Object.create(null);",
    origin: "uncaughtException",
    says: /^\[Object: null prototype\] \{\}$/u,
  },
])
  it(`logs ${what} that nothing has caught, and ends the process with 1`, async (t) => {
    const program = await startRole(t, `process.stdin.once("data", () => { ${planted} });`);
    const written = text(program.stderr);
    program.stdin.write("go\n");
    const [exitCode] = await once(program, "exit");
    const lines = (await written).trimEnd().split("\n");
    const { time, error, ...rest } = JSON.parse(lines.at(-1) ?? "") as Readonly<Record<string, unknown>>;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/u);
    assert.match(String(error), says);
    assert.deepEqual(rest, {
      ...{ level: "error", role: "store", origin },
      msg: "ended by an error that nothing caught",
    });
    assert.equal(exitCode, 1);
  });

it("continues where a library writes to standard error, which nothing reads any more", async (t) => {
  const program = await startRole(
    t,
    `process.stdin.on("data", () => process.stderr.write("text\\n", (error) =>
      process.stdout.write(String(error?.code) + "\\n")));`,
  );
  const signal = AbortSignal.timeout(60_000);
  program.stderr.destroy();
  await once(program.stderr, "close");
  for (const time of ["first", "second"]) {
    program.stdin.write("go\n");
    const [said] = await once(program.stdout, "data", { signal });
    assert.equal(String(said), "EPIPE\n", time);
  }
  program.stdin.end();
  program.kill("SIGTERM");
  assert.deepEqual(await once(program, "exit", { signal }), [0, null]);
});
