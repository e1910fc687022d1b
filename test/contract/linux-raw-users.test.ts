import assert from "node:assert/strict";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { CleanRequest, Device } from "../../src/ports/host/host-provisioner.ts";
import { aDevice, never } from "./host/host-suite.ts";
import type { DeviceUse } from "./worlds/device-user.ts";
import { stateOf, until } from "./worlds/linux-host-world.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";
import { startDeviceUser } from "./worlds/start-device-user.ts";

/** Below 256 MiB: the kernel shows it with leading zeros in one place, and without them in another. */
const LOW_ADDRESS = 0x20_0000;
const block: CleanRequest = { accessType: "block", lun: 0, lastMajorMinor: undefined, lunsOfOthers: [] };

interface Used {
  readonly world: LinuxHostWorld;
  readonly device: Device;
  /** The process that uses the device. */
  readonly pid: number;
  readonly end: () => Promise<void>;
}

function on(sentence: string, use: Omit<DeviceUse, "path">, test: (used: Used) => Promise<void>): void {
  onLinuxHost(sentence, {}, async (world) => {
    const device = await aDevice(world, 0);
    const { pid, end } = await startDeviceUser({ ...use, path: device.path });
    try {
      await test({ world, device, pid, end });
    } finally {
      await end();
    }
  });
}

on("isn't clean of raw block that a process has mapped and closed", { mapping: "shared" }, (used) =>
  isCleanOnceEnded(used, new RegExp(`^it is mapped in process ${used.pid}$`, "u")),
);

on(
  "isn't clean of raw block that a process has mapped low in its memory",
  { mapping: "shared", address: LOW_ADDRESS },
  (used) => isCleanOnceEnded(used, new RegExp(`^it is mapped in process ${used.pid}$`, "u")),
);

on(
  "isn't clean of raw block that a process has mapped, once the disk is detached",
  { mapping: "shared" },
  async ({ world, device, pid, end }) => {
    const request = { ...block, lun: undefined, lastMajorMinor: device.majorMinor };
    await world.detachDisk(0);
    const kept = valueOf(await world.host.isClean(request, never));
    await end();
    assert.deepEqual(kept, { clean: false, reason: `it is mapped in process ${pid}` });
    assert.equal(valueOf(await world.host.isClean(request, never)).clean, true);
  },
);

// No thread of these has the process's id.
for (const [mapping, had] of [
  [undefined, "open"],
  ["shared", "mapped"],
] as const)
  on(
    `isn't clean of raw block that is ${had} in a process whose first thread has ended`,
    { mapping, isFirstThreadOver: true },
    async (used) => {
      await until(() => stateOf(used.pid) === "Z");
      await isCleanOnceEnded(used, new RegExp(`^it is ${had} in process \\d+`, "u"));
    },
  );

on("is clean of raw block that a process has mapped for itself alone", { mapping: "private" }, async (used) =>
  assert.equal(valueOf(await used.world.host.isClean(block, never)).clean, true),
);

on("looks for no mapping of a volume with a file system", { mapping: "shared" }, async ({ world }) =>
  assert.equal(valueOf(await world.host.isClean({ ...block, accessType: "mount" }, never)).clean, true),
);

async function isCleanOnceEnded({ world, end }: Used, reason: RegExp): Promise<void> {
  const kept = valueOf(await world.host.isClean(block, never));
  await end();
  assert.equal(kept.clean, false);
  assert.match(kept.reason, reason);
  assert.deepEqual(valueOf(await world.host.isClean(block, never)).clean, true);
}
