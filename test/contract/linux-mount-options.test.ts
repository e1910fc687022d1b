import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDevice, never } from "./host/host-suite.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

/** Flags of a user, and what the kernel did with them when quotes and backslashes were taken on trust. */
const hiding = [
  {
    what: "mounts writable without the journal, by a value that the kernel splits",
    mountFlags: ['usrjquota="a,noload,grpjquota=b",jqfmt=vfsv1'],
    readOnly: false,
  },
  {
    what: "mounts writable without the journal, by a quote that an earlier flag opens",
    mountFlags: ['x-a="', 'x-b=",noload,"'],
    readOnly: false,
  },
  {
    what: "mounts a read-only volume writable, by a quote that takes the ro",
    mountFlags: ['x-a="'],
    readOnly: true,
  },
  {
    what: "shows a healthy mount as one that went read-only after an error",
    mountFlags: ["ro=fs"],
    readOnly: false,
  },
] as const;

describe("Linux host with mount flags that hide others", () => {
  for (const { what, mountFlags, readOnly } of hiding)
    onLinuxHost(`never ${what}`, { fsType: "ext4" }, async (world) => {
      const { host } = world;
      const device = await aDevice(world, 0);
      const on = { device, fsType: "ext4" } as const;
      valueOf(await host.format({ ...on, uuid: randomUUID(), geometry: {} }, never));
      const path = world.pathOf("staging");
      const mounted = await host.mountDevice({ ...on, path, mountFlags, readOnly }, never);
      const shown = await mountLineOf(path);
      valueOf(await host.unmount(path, never));
      assert.deepEqual(
        { kind: mounted.ok ? "mounted" : mounted.failure.kind, shown },
        { kind: "InvalidArgument", shown: undefined },
      );
    });
});

async function mountLineOf(path: string): Promise<string | undefined> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.find((line) => line.split(" ")[4] === path);
}
