import assert from "node:assert/strict";
import { it } from "node:test";
import { createClientLogger, setLogLevel } from "@azure/logger";
import { createPinoLogger } from "../observe/pino-logger.ts";
import { logSdkWith } from "./sdk-log.ts";

it("writes each line of Azure's libraries as a JSON line", () => {
  const lines: unknown[] = [];
  const write = (line: string): void => {
    const { time: _time, ...rest } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    lines.push(rest);
  };
  logSdkWith(createPinoLogger({ level: "info", fields: { role: "controller" }, write }));
  setLogLevel("verbose");
  const library = createClientLogger("core-rest-pipeline");
  library.verbose("a");
  library.info("Request: %s\nwith a body", "GET");
  library.warning("b");
  library.error("c");
  createClientLogger("identity:more").info("d");
  setLogLevel();
  library.error("not asked for");
  const own = { role: "controller", library: "core-rest-pipeline", msg: "a library of Azure logs" };
  assert.deepEqual(lines, [
    { ...own, level: "info", text: "a" },
    { ...own, level: "info", text: "Request: GET\nwith a body" },
    { ...own, level: "warn", text: "b" },
    { ...own, level: "error", text: "c" },
    { ...own, level: "info", library: "identity:more", text: "d" },
  ]);
});
