import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { FileSystemType } from "../../../src/core/volume/device/file-system.ts";
import { aStagedVolume, kindOf, never, skipped } from "./host-suite.ts";
import type { HostSuite, HostWorld } from "./host-suite.ts";

/** A file system that is frozen for a snapshot. */
export function freezeContract({ on, onLinux, onWindows, name, platform }: HostSuite): void {
  describe(`${name}: a freeze`, () => {
    const limitMs = 60_000;

    for (const fsType of platform === "linux" ? (["ext4", "xfs", "btrfs"] as const) : [])
      on(`freezes and thaws ${fsType}, and reports that it was frozen until then`, async (world, context) => {
        if (skipped(context, world.whyNot(fsType))) return;
        const at = await aFreezable(world, fsType);
        await world.writeFile(`${at.path}/before`, "before");
        valueOf(await world.host.freeze({ ...at, limitMs }, never));
        const waiting = world.writeFile(`${at.path}/after`, "after");
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: true });
        await waiting;
        assert.equal(await world.readFile(`${at.path}/before`), "before");
        assert.equal(await world.readFile(`${at.path}/after`), "after");
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
      });

    onLinux("thaws by itself after its limit, and reports that", async (world) => {
      const at = await aFreezable(world, "ext4");
      // On a busy machine its start alone may take that long: then it is asked again, with more time.
      let frozen = await world.host.freeze({ ...at, limitMs: 1_000 }, never);
      for (let moreMs = 2_000; !frozen.ok && moreMs <= limitMs; moreMs *= 2)
        frozen = await world.host.freeze({ ...at, limitMs: moreMs }, never);
      valueOf(frozen);
      await world.writeFile(`${at.path}/after`, "after");
      assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
    });

    onLinux("thaws what an earlier instance has frozen, and does not call it held", async (world) => {
      const at = await aFreezable(world, "ext4");
      valueOf(await world.host.freeze({ ...at, limitMs }, never));
      const { host, endFirst } = await world.startSecondPlugin();
      await endFirst();
      assert.deepEqual(valueOf(await host.thaw(at, never)), { held: false });
      await world.writeFile(`${at.path}/after`, "after");
    });

    for (const first of ["its own has ended", "it was frozen already"] as const)
      onLinux(`leaves a freeze of another program alone once ${first}`, async (world) => {
        const at = await aFreezable(world, "ext4");
        const { host: other } = await world.startSecondPlugin();
        if (first === "its own has ended") {
          valueOf(await world.host.freeze({ ...at, limitMs }, never));
          assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: true });
          valueOf(await other.freeze({ ...at, limitMs }, never));
        } else {
          valueOf(await other.freeze({ ...at, limitMs }, never));
          assert.equal(kindOf(await world.host.freeze({ ...at, limitMs }, never)), "DeviceBusy");
        }
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
        assert.deepEqual(valueOf(await other.thaw(at, never)), { held: true });
      });

    for (const what of ["an unmount", "a bind mount"] as const)
      onLinux(`gives way to ${what}`, async (world) => {
        const at = await aFreezable(world, "ext4");
        valueOf(await world.host.freeze({ ...at, limitMs }, never));
        if (what === "an unmount") {
          valueOf(await world.host.unmount(at.path, never));
          const request = { accessType: "mount", lastMajorMinor: at.majorMinor, lunsOfOthers: [] } as const;
          assert.equal(valueOf(await world.host.isClean({ ...request, lun: 0 }, never)).clean, true);
        } else {
          const targetPath = world.pathOf("target");
          const bind = { stagingPath: at.path, targetPath, readOnly: false, mountFlags: [] };
          valueOf(await world.host.bindMount(bind, never));
          await world.writeFile(`${targetPath}/after`, "after");
        }
        assert.deepEqual(valueOf(await world.host.thaw(at, never)), { held: false });
      });

    onLinux("freezes neither another device nor what is not mounted", async (world) => {
      const at = await aFreezable(world, "ext4");
      const other = { ...at, majorMinor: "8:240", limitMs };
      assert.equal(kindOf(await world.host.freeze(other, never)), "WrongDevice");
      const path = world.pathOf("nothing");
      assert.equal(kindOf(await world.host.freeze({ ...at, path, limitMs }, never)), "PathNotMounted");
      assert.deepEqual(valueOf(await world.host.thaw({ ...at, path }, never)), { held: false });
      await world.writeFile(`${at.path}/after`, "after");
    });

    onWindows("is refused", async (world) => {
      const request = { path: world.pathOf("staging"), majorMinor: "0:1", limitMs };
      assert.equal(kindOf(await world.host.freeze(request, never)), "Unsupported");
    });
  });
}

/** A staged volume, as a freeze names it. */
async function aFreezable(
  world: HostWorld,
  fsType: FileSystemType,
): Promise<{ readonly path: string; readonly majorMinor: string }> {
  const { device, staging } = await aStagedVolume(world, fsType);
  return { path: staging, majorMinor: device.majorMinor };
}
