import { format, inspect } from "node:util";
import type { LogFields } from "../../ports/logger.ts";
import { logLine } from "./log-line.ts";
import { standardError } from "./standard-error.ts";

/**
 * Logs the warnings of Node, and what libraries write to the console: grpc-js as GRPC_VERBOSITY asks for, and
 * Azure's of a value of AZURE_LOG_LEVEL that they don't know. By themselves these are lines of text.
 */
export function logLibraryLines(fields: LogFields): void {
  const { write } = standardError(fields);
  const error = (...args: readonly unknown[]): void =>
    write(logLine("warn", "a library logs", { ...fields, text: format(...args) }));
  Object.assign(console, { error });
  process.removeAllListeners("warning");
  process.on("warning", (warning) =>
    write(logLine("warn", "Node warns", { ...fields, warning: inspect(warning) })),
  );
}
