import { pino } from "pino";
import type { LogFields, Logger } from "../../ports/logger.ts";

/** How much of the log may wait for a reader that does not take it, in bytes. */
const WAITING_BYTES_MAX = 1024 * 1024;

/**
 * Structured logging to standard error, one JSON object a line: `level` by name, `time`, the fields, and
 * the message as `msg`. Standard output is for the requested output.
 *
 * A container's runtime reads standard error from a pipe, and writes it to the node's disk. Where that hangs,
 * the pipe fills: lines wait in memory then, up to a limit, and what comes after them is counted and dropped.
 * A write that waits for the reader would stop the process, and with it a node's heartbeats.
 */
export function createPinoLogger(options: {
  readonly level: string;
  readonly fields: LogFields;
  /** Receives each line instead of standard error. */
  readonly write?: (line: string) => void;
}): Logger {
  let dropped = 0;
  const writeUnlessFull = (line: string): void => {
    if (process.stderr.writableLength > WAITING_BYTES_MAX) {
      dropped += 1;
      return;
    }
    const lines = dropped;
    dropped = 0;
    if (lines > 0) target.warn({ lines }, "log lines dropped: nothing read them");
    process.stderr.write(line);
  };
  // A reader that has gone, as when `head` ends, ends no process.
  if (options.write === undefined && process.stderr.listenerCount("error", ignore) === 0)
    process.stderr.on("error", ignore);
  const target = pino(
    {
      level: options.level,
      base: options.fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: options.write ?? writeUnlessFull },
  );
  return wrap(target);
}

function ignore(): void {
  // Nothing reads what could be said of it.
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
