import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { DeviceUse } from "./device-user.ts";

const DEVICE_USER = join(import.meta.dirname, "device-user.ts");

/** Starts a process that uses a device, or a file, until it is ended. */
export async function startDeviceUser(
  use: DeviceUse,
): Promise<{ readonly pid: number; readonly end: () => Promise<void> }> {
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
