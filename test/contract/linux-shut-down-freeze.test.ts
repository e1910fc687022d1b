import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { loadSystemCalls } from "../../src/emulator/data-plane/system-calls.ts";
import { aPublishedVolume, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);
/** ioctl_fsthaw in linux/fs.h. */
const FITHAW = 0xc004_5878;
const LIMIT_MS = 60_000;
const CALL_MAX_MS = 60_000;
const POLL_MS = 20;

const soon = (): AbortSignal => AbortSignal.timeout(CALL_MAX_MS);

async function stateOf(pid: number): Promise<string | undefined> {
  return /^State:\s+(\w)/mu.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
}

describe("Linux host whose frozen file system shuts down", () => {
  // Linux 6.5 shuts an XFS down as its disk goes.
  onLinuxHost(
    "thaws it: a writer would wait for ever, and end by no signal",
    { fsType: "xfs" },
    async (world) => {
      const { device, staging, target } = await aPublishedVolume(world, "xfs");
      const frozen = { path: staging, majorMinor: device.majorMinor };
      const { ioctl } = await loadSystemCalls();
      const guard = await open(target, "r");
      try {
        valueOf(await world.host.freeze({ ...frozen, limitMs: LIMIT_MS }, soon()));
        const writer = spawn("sh", ["-c", ': >"$1"', "sh", join(target, "file")], { stdio: "ignore" });
        const ended = once(writer, "exit");
        assert.ok(writer.pid !== undefined);
        while ((await stateOf(writer.pid)) !== "D") await systemClock.sleep(POLL_MS, never);
        await run("xfs_io", ["-r", "-x", "-c", "shutdown", staging]);
        assert.deepEqual(await world.host.thaw(frozen, soon()), { ok: true, value: { held: false } });
        const late = systemClock.sleep(CALL_MAX_MS, never).then(() => "still waits" as const);
        assert.deepEqual(await Promise.race([ended, late]), [2, null]);
      } finally {
        // What a test that fails has left frozen.
        await ioctl(guard.fd, FITHAW, null).catch(() => undefined);
        await guard.close();
      }
      valueOf(await world.host.unmount(target, soon()));
      valueOf(await world.host.unmount(staging, soon()));
    },
  );
});
