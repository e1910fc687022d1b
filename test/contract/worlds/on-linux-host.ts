import { it } from "node:test";
import type { FileSystemType } from "../../../src/core/volume/device/file-system.ts";
import { dataPlaneAvailable } from "../../../src/emulator/data-plane/data-plane-available.ts";
import { skipped, TEST_TIMEOUT_MS } from "../host/host-suite.ts";
import { type LinuxHostWorld, makeLinuxHostWorld } from "./linux-host-world.ts";

const devices = dataPlaneAvailable();

/** When a test on real devices runs, and how long it may take. */
export const onRealDevices = {
  timeout: TEST_TIMEOUT_MS,
  ...(devices.available ? {} : { skip: devices.reason }),
};

/** A test on a Linux host of its own; skipped where this machine can't use `fsType`, if one is given. */
export function onLinuxHost(
  sentence: string,
  { fsType }: { readonly fsType?: FileSystemType },
  test: (world: LinuxHostWorld) => Promise<void>,
): void {
  it(sentence, onRealDevices, async (context) => {
    const world = await makeLinuxHostWorld();
    try {
      if (fsType === undefined || !skipped(context, world.whyNot(fsType))) await test(world);
    } finally {
      await world.close();
    }
  });
}
