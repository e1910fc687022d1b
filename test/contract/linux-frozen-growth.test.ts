import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aPublishedVolume, DISK_BYTES, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const GROWN_BYTES = 2n * DISK_BYTES;
/** No call of these takes that long, unless it waits for the thaw. */
const CALL_MAX_MS = 60_000;
const POLL_MS = 20;
const run = promisify(execFile);
const growers: Readonly<Record<"ext4" | "xfs" | "btrfs", string>> = {
  ext4: "resize2fs",
  xfs: "xfs_growfs",
  btrfs: "btrfs",
};

interface Published {
  readonly world: LinuxHostWorld;
  readonly fsType: FileSystemType;
  readonly device: Device;
  readonly staging: string;
  readonly target: string;
}

const soon = (): AbortSignal => AbortSignal.timeout(CALL_MAX_MS);

/** A volume that is staged and published, and whose disk has grown since. */
function on(fsType: keyof typeof growers, sentence: string, test: (given: Published) => Promise<void>): void {
  onLinuxHost(`${sentence}: ${fsType}`, { fsType }, async (world) => {
    const { device: small, staging, target } = await aPublishedVolume(world, fsType);
    try {
      await world.growDisk({ lun: 0, sizeBytes: GROWN_BYTES });
      const device = valueOf(await world.host.rescanDevice(small, never));
      await test({ world, fsType, device, staging, target });
    } finally {
      // What a test that fails has left frozen.
      for (const path of [target, staging])
        await run("fsfreeze", ["--unfreeze", path]).catch(() => undefined);
    }
  });
}

async function assertReleased({ world, device, staging, target }: Published): Promise<void> {
  valueOf(await world.host.unmount(target, soon()));
  valueOf(await world.host.unmount(staging, soon()));
  const request = {
    accessType: "mount",
    lun: 0,
    lastMajorMinor: device.majorMinor,
    lunsOfOthers: [],
  } as const;
  const { clean } = valueOf(await world.host.isClean(request, soon()));
  assert.equal(clean, true);
}

describe("Linux host that is to grow a frozen file system", () => {
  for (const fsType of ["ext4", "xfs", "btrfs"] as const) {
    on(fsType, "starts no growth, and releases the volume", async (given) => {
      const { world, device, target } = given;
      await run("fsfreeze", ["--freeze", target]);
      const grown = await world.host.growFileSystem({ device, mountPath: target, fsType }, soon());
      assert.equal(grown.ok ? "ok" : grown.failure.kind, "DeviceBusy");
      await assertReleased(given);
    });

    // Mounted, it grows with CAP_SYS_RESOURCE alone: test/guests has a kernel that allows that.
    if (fsType === "ext4") continue;

    on(fsType, "grows it after the thaw", async ({ world, device, staging, target }) => {
      await run("fsfreeze", ["--freeze", target]);
      const request = { device, mountPath: target, fsType };
      const refused = await world.host.growFileSystem(request, soon());
      assert.equal(refused.ok ? "ok" : refused.failure.kind, "DeviceBusy");
      await run("fsfreeze", ["--unfreeze", target]);
      let grown = await world.host.growFileSystem(request, soon());
      // The look that has waited ends a moment after the thaw.
      while (!grown.ok && grown.failure.kind === "DeviceBusy") {
        await systemClock.sleep(POLL_MS, never);
        grown = await world.host.growFileSystem(request, soon());
      }
      valueOf(grown);
      assert.ok(valueOf(await world.host.fileSystemStats(staging, never)).totalBytes > DISK_BYTES);
    });

    on(fsType, "releases the volume whose growth a freeze holds up", async (given) => {
      const { world, device, target } = given;
      const { frozen, remove } = await freezeBefore(growers[fsType], target);
      try {
        const caller = new AbortController();
        const growing = world.host.growFileSystem({ device, mountPath: target, fsType }, caller.signal);
        while (!existsSync(frozen)) await systemClock.sleep(POLL_MS, never);
        caller.abort();
        const grown = await growing;
        assert.equal(grown.ok ? "ok" : grown.failure.kind, "Cancelled");
        await assertReleased(given);
      } finally {
        await remove();
      }
    });
  }
});

/** Puts a program before its namesake that freezes a file system first, once. */
async function freezeBefore(
  program: string,
  path: string,
): Promise<{ readonly frozen: string; readonly remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "frozen-growth-"));
  const frozen = join(directory, "frozen");
  const { stdout } = await run("sh", ["-c", `command -v ${program}`]);
  const script = `#!/bin/sh
case " $* " in *" resize "*|*"/dev/"*|*" -d "*)
  test -e ${frozen} || { fsfreeze --freeze "${path}" && : >${frozen}; } ;;
esac
exec ${stdout.trim()} "$@"
`;
  await writeFile(join(directory, program), script, { mode: 0o755 });
  const before = process.env["PATH"];
  process.env["PATH"] = `${directory}${delimiter}${before ?? ""}`;
  return {
    frozen,
    remove: async () => {
      process.env["PATH"] = before;
      await rm(directory, { recursive: true });
    },
  };
}
