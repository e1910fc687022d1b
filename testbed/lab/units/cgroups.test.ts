import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { type Cgroups, openCgroups } from "./cgroups.ts";

const run = promisify(execFile);
const GROUP = `cgroups-test-${process.pid}`;
/** A process that joins a frozen group stops there. */
const JOIN_MAX_MS = 60_000;
const skip = process.getuid?.() === 0 ? false : "needs root";

/** Starts a process that joins the group, and waits until it has. Aborting `signal` kills it. */
async function joins(cgroups: Cgroups, signal: AbortSignal): Promise<void> {
  const command = 'echo $$ >"$1"; echo in; exec sleep 1000';
  const child = spawn("sh", ["-c", command, "sh", cgroups.joinFile(GROUP)], {
    stdio: ["ignore", "pipe", "inherit"],
    signal,
    killSignal: "SIGKILL",
  });
  child.on("error", () => undefined);
  await once(child.stdout, "data", { signal });
}

/** A frozen node that is killed starts again. */
async function startsAfterFreezeAndKill(cgroups: Cgroups, signal: AbortSignal): Promise<void> {
  await cgroups.create(GROUP);
  try {
    for (const _ of ["first", "again"]) {
      await joins(cgroups, signal);
      await cgroups.setFrozen(GROUP, true);
      await cgroups.kill(GROUP);
      assert.deepEqual(await cgroups.processes(GROUP), []);
    }
  } finally {
    await cgroups.kill(GROUP);
    await cgroups.remove(GROUP);
  }
}

describe("a frozen group that is killed", { skip, timeout: JOIN_MAX_MS }, () => {
  it("takes processes again, in the version that this machine's labs use", async ({ signal }) =>
    startsAfterFreezeAndKill(await openCgroups(), signal));

  it("takes processes again in version 2", async ({ signal }) => {
    const folder = await mkdtemp(join(tmpdir(), "cgroups-"));
    await run("mount", ["-t", "cgroup2", "none", folder]);
    try {
      const mounted = (await readFile("/proc/self/mountinfo", "utf8"))
        .split("\n")
        .filter((line) => line.includes(` ${folder} `));
      await startsAfterFreezeAndKill(await openCgroups(mounted.join("\n")), signal);
    } finally {
      await run("umount", [folder]);
      await rmdir(folder);
    }
  });
});
