import assert from "node:assert/strict";
import type { Logger } from "../../../src/ports/logger.ts";

/** Fails the test on an error: only unexpected conditions are logged as errors. */
export const failingLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => assert.fail(`${message} ${JSON.stringify(fields)}`),
  child: () => failingLogger,
};
