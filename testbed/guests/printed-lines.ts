import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** What a program has printed so far, for an owner that waits for a line of it. */
export interface PrintedLines {
  /** Resolves once the line is there; false if the stream ends without it. */
  readonly until: (line: string) => Promise<boolean>;
  /** All of it. */
  readonly text: () => string;
}

/** Collects the lines of a stream. */
export function collectLines(stream: Readable): PrintedLines {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let hasEnded = false;
  const wakeAll = (): void => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  createInterface({ input: stream })
    .on("line", (line) => {
      lines.push(line);
      wakeAll();
    })
    .on("close", () => {
      hasEnded = true;
      wakeAll();
    });
  return {
    until: async (line) => {
      while (!lines.includes(line)) {
        if (hasEnded) return false;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
      }
      return true;
    },
    text: () => lines.join("\n"),
  };
}
