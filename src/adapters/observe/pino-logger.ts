import { pino } from "pino";
import type { LogFields, Logger } from "../../ports/logger.ts";

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
  return wrap(
    pino(
      {
        level: options.level,
        base: options.fields,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      options.write === undefined ? pino.destination({ fd: 2, sync: true }) : { write: options.write },
    ),
  );
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
