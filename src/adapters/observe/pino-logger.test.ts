import assert from "node:assert/strict";
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
