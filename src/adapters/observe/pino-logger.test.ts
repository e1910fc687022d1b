import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { createPinoLogger } from "./pino-logger.ts";

it("writes levels by name, one message, and the facts as fields of one line each", () => {
  const lines: object[] = [];
  const write = (line: string): void => {
    const { time, ...rest } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/u);
    lines.push(rest);
  };
  const logger = createPinoLogger({ level: "debug", fields: { role: "node" }, write });
  logger.debug("a");
  logger.info("b", { nodeName: "node-a" });
  logger.child({ requestId: "r" }).warn("c", { error: "why" });
  logger.error("d");
  assert.deepEqual(lines, [
    { level: "debug", role: "node", msg: "a" },
    { level: "info", role: "node", nodeName: "node-a", msg: "b" },
    { level: "warn", role: "node", requestId: "r", error: "why", msg: "c" },
    { level: "error", role: "node", msg: "d" },
  ]);
});

/** Logs far more than a pipe takes, while nothing reads it. */
const flood = `
const { createPinoLogger } = await import(process.argv[1]);
const logger = createPinoLogger({ level: "info", fields: { role: "node" } });
const rest = "x".repeat(1000);
for (let line = 0; line < 4000; line += 1) logger.info("a", { line, rest });
console.log("alive");
process.stdin.once("data", () => {
  logger.info("b");
  process.exitCode = 0;
  process.stdin.destroy();
});
`;

it("stops no process where nothing reads the log, and says later what it has dropped", async (t) => {
  const url = new URL("pino-logger.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", flood, url], { stdio: "pipe" });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const [said] = await once(child.stdout.setEncoding("utf8"), "data", {
    signal: AbortSignal.timeout(60_000),
  });
  assert.equal(said, "alive\n");
  const lines: { readonly msg: string; readonly lines?: number }[] = [];
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  // It takes lines again once what has waited is read.
  while (text.split("\n").length < 1000) await once(child.stderr, "data");
  child.stdin.end("log\n");
  await Promise.all([exited, once(child.stderr, "end")]);
  for (const line of text.trimEnd().split("\n")) lines.push(JSON.parse(line) as (typeof lines)[number]);
  const [{ lines: dropped = 0 } = assert.fail(), last] = lines.slice(-2);
  assert.equal(last?.msg, "b");
  assert.deepEqual(
    [lines.at(-2)?.msg, lines.length],
    ["log lines dropped: nothing read them", 4002 - dropped],
  );
  assert.ok(dropped > 1000 && dropped < 3500, `${dropped} lines dropped`);
});
