import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { type Child, startChild } from "./child.ts";
import { diskOf, startMachine } from "./machine.ts";

const STOP_GRACE_MS = 60_000;
/** Appends to a file until it can't, and reports when it has begun: what a power loss interrupts. */
const BUSY = 'while echo more >> "$0"; do [ -n "$begun" ] || echo "{}"; begun=1; done; echo "it noticed"';

it("a machine that loses its power keeps what it has synced, and nothing else", async (t) => {
  const devices = dataPlaneAvailable();
  if (!devices.available) {
    t.skip(devices.reason);
    return;
  }
  const home = await mkdtemp(join(tmpdir(), "machine-"));
  const children: Child[] = [];
  const run = (command: readonly string[]): Child => {
    const child = startChild("machine", command);
    children.push(child);
    return child;
  };
  try {
    const machine = await startMachine({ name: "machine", home, hasOwnDisk: true, run });
    const inside = (path: string): string => `/proc/${machine.mountsPid}/root${path}`;
    const bootId = (): Promise<string> => readFile(inside("/proc/sys/kernel/random/boot_id"), "utf8");
    const on = (...command: string[]): string[] => [
      `--mount=/proc/${machine.mountsPid}/ns/mnt`,
      "--",
      ...command,
    ];
    const [synced, unsynced] = [join(diskOf(home), "synced"), join(diskOf(home), "unsynced")];
    await promisify(execFile)("nsenter", on("mount", "-t", "tmpfs", "tmpfs", "/mnt"));
    const busy = run(["nsenter", ...on("bash", "-c", BUSY, join(diskOf(home), "busy"))]);
    await busy.untilLine((line) => line === "{}", STOP_GRACE_MS);
    const before = await bootId();

    // The sync ends a transaction: without another one, ext4 writes the next by itself after five seconds.
    await machine.losePower(async () => {
      await writeFile(inside(synced), "kept", { flush: true });
      await writeFile(inside(unsynced), "lost");
    });

    await busy.stop(STOP_GRACE_MS);
    assert.deepEqual([busy.lines(), busy.log()], [["{}"], ""], "a process noticed the end of its disk");
    await machine.boot();
    assert.equal(await readFile(inside(synced), "utf8"), "kept");
    await assert.rejects(readFile(inside(unsynced)), { code: "ENOENT" });
    assert.doesNotMatch(await readFile(`/proc/${machine.mountsPid}/mounts`, "utf8"), / \/mnt tmpfs/u);
    assert.notEqual(await bootId(), before);
    assert.notEqual(await bootId(), await readFile("/proc/sys/kernel/random/boot_id", "utf8"));
  } finally {
    for (const child of children) await child.stop(STOP_GRACE_MS);
    assert.deepEqual(await boundLoopDevices(home), []);
    await rm(home, { recursive: true });
  }
});
