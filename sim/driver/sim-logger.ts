import type { Logger } from "../../src/ports/logger.ts";
import type { Violation } from "../history/violation.ts";
import type { Trace } from "../trace.ts";

/** The destination of a process' log. */
export interface SimLoggerOptions {
  readonly name: string;
  readonly trace: Trace;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

/** The suffix of the driver's log lines that report a bug: other errors are caused by its surroundings. */
const BUG = ": a bug";

/** A log in which only bugs matter. */
export function createSimLogger({ name, trace, report }: SimLoggerOptions): Logger {
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message, fields) => trace.note(name, `warns: ${message} ${JSON.stringify(fields ?? {})}`),
    error: (message, fields) => {
      const detail = `${message} ${JSON.stringify(fields ?? {})}`;
      trace.note(name, `logs an error: ${detail}`);
      if (message.endsWith(BUG)) report({ invariant: "crashed", detail: `${name}: ${detail}` });
    },
    child: () => logger,
  };
  return logger;
}
