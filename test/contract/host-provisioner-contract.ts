import { it } from "node:test";
import type { TestContext } from "node:test";
import type { Platform } from "../../src/core/platform/platform.ts";
import { linuxFileSystemTypes, windowsFileSystemTypes } from "../../src/core/volume/device/file-system.ts";
import type { FileSystemType } from "../../src/core/volume/device/file-system.ts";
import { cleanContract } from "./host/clean.ts";
import { detachedDiskContract } from "./host/detached-disk.ts";
import { devicesContract } from "./host/devices.ts";
import { fileSystemsContract } from "./host/file-systems.ts";
import { freezeContract } from "./host/freeze.ts";
import { TEST_TIMEOUT_MS } from "./host/host-suite.ts";
import type { HostSuite, HostWorld } from "./host/host-suite.ts";
import { mountsContract } from "./host/mounts.ts";
import { placeholderContract } from "./host/placeholder.ts";

/**
 * Declares the tests that every host provisioner of a platform passes. A Windows node has no replicas, no raw
 * block and no read-only targets: its host refuses the latter two. `whyNotHere`: why this machine can run
 * none of them.
 */
export function hostProvisionerContract(
  name: string,
  makeWorld: () => Promise<HostWorld>,
  { platform, whyNotHere }: { readonly platform: Platform; readonly whyNotHere?: string | undefined },
): void {
  const fileSystems = platform === "linux" ? linuxFileSystemTypes : windowsFileSystemTypes;
  const usual: FileSystemType = platform === "linux" ? "ext4" : "ntfs";
  const on = (sentence: string, test: (world: HostWorld, context: TestContext) => Promise<void>): void => {
    it(
      sentence,
      { timeout: TEST_TIMEOUT_MS, ...(whyNotHere === undefined ? {} : { skip: whyNotHere }) },
      async (context) => {
        const world = await makeWorld();
        try {
          await test(world, context);
        } finally {
          await world.close();
        }
      },
    );
  };

  /** Of what only Linux nodes serve. */
  const onLinux: typeof on = (sentence, test) => {
    if (platform === "linux") on(sentence, test);
  };
  const onWindows: typeof on = (sentence, test) => {
    if (platform === "windows") on(sentence, test);
  };
  const suite: HostSuite = { name, platform, fileSystems, usual, on, onLinux, onWindows };
  devicesContract(suite);
  fileSystemsContract(suite);
  mountsContract(suite);
  detachedDiskContract(suite);
  placeholderContract(suite);
  freezeContract(suite);
  cleanContract(suite);
}
