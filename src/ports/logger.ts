/**
 * Facts that accompany a log line; the same field names everywhere (`volumeName`, `nodeName`, `durationMs`
 * …).
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging: a constant message and its facts. Never given a secret. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Logger;
}
