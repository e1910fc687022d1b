import type { LogFields } from "../../ports/logger.ts";

/** A line of the log, in the form of the pino logger's: for what is logged without one. */
export function logLine(level: "warn" | "error", message: string, fields: LogFields): string {
  return `${JSON.stringify({ level, time: new Date().toISOString(), ...fields, msg: message })}\n`;
}
