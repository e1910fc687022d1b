import { writeSync } from "node:fs";
import { hasCode } from "../../core/primitives/error-code.ts";
import type { LogFields } from "../../ports/logger.ts";
import { createLineWriter, type LineWriter } from "./line-writer.ts";
import { logLine } from "./log-line.ts";

/** How long a process that ends waits for a reader of what it has written, in milliseconds. */
const LAST_WRITE_MAX_MS = 2_000;

let writer: LineWriter | undefined;

/**
 * The writer of this process's standard error; the line that counts what was dropped has the `fields` of the
 * first caller.
 *
 * A container's runtime reads standard error from a pipe, and writes it to the node's disk. Where that hangs,
 * the pipe fills: lines wait in memory then, up to a limit. A write that waits for the reader would stop the
 * process, and with it a node's heartbeats. What waits is written before the process ends, however it ends,
 * unless a signal kills it or its reader takes nothing in time.
 */
export function standardError(fields: LogFields): LineWriter {
  if (writer !== undefined) return writer;
  const created = createLineWriter({
    take,
    droppedNote: (lines) => logLine("warn", "log lines dropped: nothing read them", { ...fields, lines }),
    elapsedMs: () => performance.now(),
    later: (act, ms) => void setTimeout(act, ms).unref(),
    pause,
  });
  // Libraries write to the stream itself. A reader that has gone, as when `head` ends, ends no process.
  process.stderr.on("error", () => undefined);
  process.on("exit", () => created.flush(LAST_WRITE_MAX_MS));
  return (writer = created);
}

function take(bytes: Buffer): number {
  try {
    // Node lets no write to its pipe or socket wait, once it has been asked for the stream.
    return writeSync(process.stderr.fd, bytes);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return 0;
    // A reader that has gone, as when `head` ends, ends no process. Nothing reads what could be said of it.
    return bytes.length;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, ms);
}
