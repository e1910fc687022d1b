import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";

/** A program of these tests as a process. */
export interface StoreProcess {
  readonly child: ChildProcess;
  /** Its output lines, without those that `nextLine` has returned. */
  readonly lines: readonly string[];
  /** Its next output line; undefined after its end. */
  readonly nextLine: () => Promise<string | undefined>;
  /** Freezes it and waits until it is. SIGCONT ends it. */
  readonly freeze: () => Promise<void>;
  /** Kills it and waits for its end; earlier lines are still in `lines`. */
  readonly kill: () => Promise<void>;
}

/** Starts a program, by its `import.meta.resolve`d address, with the Node of the tests. */
export function startStoreProcess(program: string, args: readonly string[]): StoreProcess {
  const child = spawn(process.execPath, [fileURLToPath(program), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  let wake = (): void => undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  child.on("close", () => wake());
  return {
    child,
    lines,
    nextLine: async () => {
      while (lines.length === 0 && child.exitCode === null && child.signalCode === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines.shift();
    },
    freeze: async () => {
      assert.ok(child.pid !== undefined, "it was not started");
      await freezeProcess(child.pid);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
