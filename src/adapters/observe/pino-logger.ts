import { pino } from "pino";
import type { LogFields, Logger } from "../../ports/logger.ts";

/**
 * Structured logging to standard error, one JSON object a line; standard output is for the requested
 * output.
 */
export function createPinoLogger(options: { readonly level: string; readonly fields: LogFields }): Logger {
  return wrap(
    pino(
      { level: options.level, base: options.fields, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ fd: 2, sync: true }),
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
