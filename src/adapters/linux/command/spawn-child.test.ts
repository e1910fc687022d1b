import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../system/system-clock.ts";
import { spawnChild } from "./spawn-child.ts";
import type { Child } from "./spawn-child.ts";
import { waitWithin } from "./wait-within.ts";

const never = new AbortController().signal;
const tests = { timeout: 60_000 };

/** The state of a process as in proc_pid_stat(5), `Z` for one that has ended; undefined: it is gone. */
function stateOf({ pid }: { readonly pid: number | undefined }): string | undefined {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) ? /\) (\S)/u.exec(readFileSync(path, "utf8"))?.[1] : undefined;
}

describe("spawnChild", () => {
  it("does nothing to one whose end was reported with another's", tests, async (t) => {
    const output = await open(devNull, "w");
    t.after(() => output.close());
    const start = (): Child => spawnChild({ program: "true", args: [], outputFd: output.fd });
    const children = [start(), start()];
    // No turn of the event loop comes in between, so that both are taken in one.
    while (children.some((child) => stateOf(child) !== "Z"));
    const killed = children.map(async (child, nth) => {
      await child.exited;
      children[1 - nth]?.kill();
      return stateOf(child);
    });
    assert.deepEqual(await Promise.all(killed), [undefined, undefined]);
  });

  it("kills what has outlived the child, and keeps its pipes", tests, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "spawn-child-"));
    const path = join(directory, "pid");
    const child = spawnChild({ program: "sh", args: ["-c", `sleep 6000 & echo $! > ${path}`] });
    while (stateOf(child) !== undefined) await systemClock.sleep(5, never);
    const own = { pid: Number(readFileSync(path, "utf8")) };
    t.after(async () => {
      await rm(directory, { recursive: true });
      if (!["Z", undefined].includes(stateOf(own))) process.kill(own.pid, "SIGKILL");
    });
    assert.ok(!["Z", undefined].includes(stateOf(own)));
    child.kill();
    assert.deepEqual(await waitWithin(child.exited, 10_000, systemClock, never), {
      kind: "done",
      value: { ok: true, value: { exitCode: 0, stdout: Buffer.alloc(0), stderr: "" } },
    });
  });
});
