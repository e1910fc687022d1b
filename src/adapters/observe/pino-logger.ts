import { pino } from "pino";
import type { LogFields, Logger } from "../../ports/logger.ts";
import { standardError } from "./standard-error.ts";

/**
 * Structured logging to standard error, one JSON object a line: `level` by name, `time`, the fields, and
 * the message as `msg`. Standard output is for the requested output.
 */
export function createPinoLogger(options: {
  readonly level: string;
  readonly fields: LogFields;
  /** Receives each line instead of standard error. */
  readonly write?: (line: string) => void;
}): Logger {
  const target = pino(
    {
      level: options.level,
      base: options.fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: options.write ?? standardError(options.fields).write },
  );
  return wrap(target);
}

function wrap(target: pino.Logger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields) => wrap(target.child(fields)),
  };
}
