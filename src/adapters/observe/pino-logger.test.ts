import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import type { TestContext } from "node:test";
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
  const child = start(t, flood);
  await said(child);
  const log = readLog(child);
  // It takes lines again once what has waited is read.
  while (log.lines().length < 1000) await once(child.stderr, "data");
  child.stdin.end("log\n");
  await log.ended;
  const numbers = log.lines().map(({ line }) => line);
  const noted = log.lines().findIndex(({ msg }) => msg === "log lines dropped: nothing read them");
  const { lines: dropped = 0, role } = log.lines()[noted] ?? {};
  assert.ok(dropped > 1000 && dropped < 3500, `${dropped} lines dropped`);
  assert.equal(role, "node");
  // The oldest and the newest are there.
  const isKept = (line: number): boolean => line < noted || line >= noted + dropped;
  const kept = Array.from({ length: 4000 }, (_, line) => line).filter(isKept);
  assert.deepEqual(numbers, [...kept.slice(0, noted), undefined, ...kept.slice(noted), undefined]);
  assert.equal(log.lines().at(-1)?.msg, "b");
});

/** More than a pipe takes, and less than may wait. */
const LINES = 500;

/** Logs that much, and why the process ends. */
const ending = (end: string): string => `
const { createPinoLogger } = await import(process.argv[1]);
const logger = createPinoLogger({ level: "info", fields: { role: "node" } });
const rest = "x".repeat(1000);
process.stdin.once("data", () => {
  for (let line = 1; line < ${LINES}; line += 1) logger.info("a", { line, rest });
  logger.error("why it ends");
  process.exitCode = 7;
  process.stdin.destroy();
  process.prependListener("exit", () => process.stdout.write("ending"));
  ${end}
});
console.log("alive");
`;

for (const [how, end] of Object.entries({
  "as its work ends": "",
  "as it exits": "process.exit();",
  "as an error ends it": "throw new Error('planted');",
})) {
  it(`is written to its last line ${how}`, async (t) => {
    const child = start(t, ending(end));
    await said(child);
    child.stdin.end("log\n");
    await said(child);
    const log = readLog(child);
    await log.ended;
    // What Node itself says of an error comes before.
    const own = log.lines().filter(({ role }) => role === "node");
    assert.deepEqual([own.length, own.at(-1)?.msg], [LINES, "why it ends"]);
  });

  it(`does not keep a process whose log nothing reads ${how}`, { timeout: 60_000 }, async (t) => {
    const child = start(t, ending(end));
    await said(child);
    child.stdin.end("log\n");
    await once(child, "exit");
    assert.ok(child.exitCode, `ended with ${child.exitCode}`);
  });
}

function start(t: TestContext, script: string): ChildProcessWithoutNullStreams {
  const url = new URL("pino-logger.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, url], { stdio: "pipe" });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Waits until the process says something. */
async function said(child: ChildProcessWithoutNullStreams): Promise<void> {
  await once(child.stdout, "data", { signal: AbortSignal.timeout(60_000) });
}

interface Line {
  readonly msg: string;
  readonly role?: string;
  readonly line?: number;
  readonly lines?: number;
}

/** Begins to read the log of a process. */
function readLog(child: ChildProcessWithoutNullStreams) {
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return {
    ended: once(child.stderr, "end"),
    lines: (): readonly Line[] =>
      text
        .split("\n")
        .slice(0, -1)
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Line),
  };
}
