import { inspect } from "node:util";
import type { LogFields } from "../../ports/logger.ts";
import { logLine } from "./log-line.ts";
import { standardError } from "./standard-error.ts";

/** What a process exits with that an error ends. */
const EXIT_FAILED = 1;

/**
 * Logs an exception or a rejected promise that nothing has caught, and ends the process at once: what it has
 * left half done is not known.
 */
export function logUncaughtErrors(fields: LogFields): void {
  const { write } = standardError(fields);
  process.on("uncaughtException", (error: unknown, origin) => {
    // With its causes and codes, as Node prints it.
    const facts = { ...fields, origin, error: inspect(error) };
    write(logLine("error", "ended by an error that nothing caught", facts));
    process.exit(EXIT_FAILED);
  });
}
