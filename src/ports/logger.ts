/**
 * Facts that accompany a log line; the same field names everywhere (`volumeName`, `nodeName`, `durationMs`
 * …). The line's own fields are reserved, and `message` would be a second text beside `msg`.
 */
export type LogFields = Readonly<Record<string, unknown>> & {
  readonly [Reserved in "level" | "time" | "msg" | "message"]?: never;
};

/** Structured logging: a constant message, which `npm run check` verifies, and facts. Never a secret. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Logger;
}
