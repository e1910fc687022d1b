import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { it } from "node:test";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import type { CleanRequest, Device } from "../../src/ports/host/host-provisioner.ts";
import type { DeviceUse } from "./worlds/device-user.ts";
import { makeLinuxHostWorld, stateOf, until } from "./worlds/linux-host-world.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";

const TEST_TIMEOUT_MS = 240_000;
const DISK_BYTES = 64n * 1024n * 1024n;
const DEVICE_USER = join(import.meta.dirname, "worlds/device-user.ts");
const block: CleanRequest = { accessType: "block", lun: 0, lastMajorMinor: undefined, lunsOfOthers: [] };
const never = new AbortController().signal;
const devices = dataPlaneAvailable();

interface Used {
  readonly world: LinuxHostWorld;
  readonly device: Device;
  /** The process that uses the device. */
  readonly pid: number;
  readonly end: () => Promise<void>;
}

function on(sentence: string, use: Omit<DeviceUse, "path">, test: (used: Used) => Promise<void>): void {
  it(
    sentence,
    { timeout: TEST_TIMEOUT_MS, ...(devices.available ? {} : { skip: devices.reason }) },
    async () => {
      const world = await makeLinuxHostWorld();
      try {
        await world.attachDisk({ lun: 0, sizeBytes: DISK_BYTES });
        const device = valueOf(await world.host.findDevice({ lun: 0 }, never));
        const { pid, end } = await startUser({ ...use, path: device.path });
        try {
          await test({ world, device, pid, end });
        } finally {
          await end();
        }
      } finally {
        await world.close();
      }
    },
  );
}

on(
  "isn't clean of raw block that is open in a process whose first thread has ended",
  { mapping: undefined, isFirstThreadOver: true },
  async (used) => {
    await until(() => stateOf(used.pid) === "Z");
    // No thread of it has the process's id.
    await isCleanOnceEnded(used, /^it is open in process \d+/u);
  },
);

async function isCleanOnceEnded({ world, end }: Used, reason: RegExp): Promise<void> {
  const kept = valueOf(await world.host.isClean(block, never));
  await end();
  assert.equal(kept.clean, false);
  assert.match(kept.reason, reason);
  assert.deepEqual(valueOf(await world.host.isClean(block, never)).clean, true);
}

async function startUser(use: DeviceUse): Promise<Pick<Used, "pid" | "end">> {
  const user = spawn(process.execPath, [DEVICE_USER, JSON.stringify(use)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(user, "exit");
  await Promise.race([
    once(user.stdout, "data"),
    exited.then(() => assert.fail(`${DEVICE_USER} ended before it used the device`)),
  ]);
  return {
    pid: user.pid ?? assert.fail("it has no process id"),
    end: async () => {
      user.kill("SIGKILL");
      await exited;
    },
  };
}

function valueOf<T>(result: Result<T, Failure>): T {
  if (!result.ok) assert.fail(JSON.stringify(result.failure));
  return result.value;
}
